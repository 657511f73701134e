import sys
sys.path.insert(0,'/work/main')
from tests.corpus import *
def test_x(tmp_path):
    r=run_on(write_conll(tmp_path/'d'), tmp_path/'r')
    print(r); print(sorted(str(p.relative_to(tmp_path)) for p in (tmp_path/'r').rglob('*')))
    r=run_on(write_conll(tmp_path/'d'), tmp_path/'r2', ["head=[sequence]","monitor=val/accuracy","data=conll"]) if 0 else 0
