"""Style and script of a report's page."""

_LIGHT = """
  --ink: #1b1f24; --soft: #57606a; --paper: #ffffff; --card: #f6f8fa; --line: #d0d7de; --grid: #e4e8ec; --link: #0550ae;
  --accent: #3b7dd8; --heat: #7fb2f5; --error: #f3a39b; --error-ink: #a40e26; --good: #d3f0da; --bad: #ffdcd7; --odd: #fff1c2;
  --good-edge: #2da44e; --bad-edge: #cf222e; --odd-edge: #bf8700; --worst: #d5a021; --best: #0a5fd1;
  --c0: #0969da; --c1: #bc4c00; --c2: #1a7f37; --c3: #8250df; --c4: #bf3989; --c5: #6e5a00; --c6: #0b7a75; --c7: #57606a;
  --tree-ink: #1b1f24; --tree-soft: #57606a; --tree-line: #8c959f; --tree-fill: #ddf4ff; --tree-edge: #54aeff;
  --tree-error: #ffd8d3; --tree-error-edge: #cf222e;
"""
_DARK = """
  --ink: #e6edf3; --soft: #9da7b1; --paper: #0d1117; --card: #161b22; --line: #30363d; --grid: #21262d; --link: #79c0ff;
  --accent: #539bf5; --heat: #1f5fb0; --error: #8e2f2f; --error-ink: #ffa198; --good: #12391f; --bad: #571c1c; --odd: #4a3a0c;
  --good-edge: #3fb950; --bad-edge: #f85149; --odd-edge: #d29922; --worst: #7d6420; --best: #8cc4ff;
  --c0: #58a6ff; --c1: #f0883e; --c2: #56d364; --c3: #bc8cff; --c4: #f778ba; --c5: #e3b341; --c6: #39c5bb; --c7: #9da7b1;
  --tree-ink: #e6edf3; --tree-soft: #9da7b1; --tree-line: #6e7681; --tree-fill: #0c2d6b; --tree-edge: #388bfd;
  --tree-error: #67211f; --tree-error-edge: #f85149;
"""

STYLE = f"""
:root {{ color-scheme: light dark; {_LIGHT} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
* {{ box-sizing: border-box; }}
body {{ font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto; max-width: 74rem;
  padding: 1rem; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.5rem; line-height: 1.25; }} h2 {{ font-size: 1.25rem; margin: 2.6rem 0 .6rem; border-bottom: 1px solid var(--line);
  padding-bottom: .2rem; }} h3 {{ font-size: 1.05rem; margin: 1.8rem 0 .4rem; }} h4 {{ margin: 1.4rem 0 .3rem; }}
nav ul {{ display: flex; flex-wrap: wrap; gap: .2rem 1rem; padding: 0; margin: 0; list-style: none; font-size: .9rem; }}
nav .depth1 {{ font-weight: 600; }} a {{ color: var(--link); }}
p.text, p.note, figcaption, caption {{ max-width: 52rem; }}
p.note, figcaption, caption {{ color: var(--soft); font-size: .87rem; }} caption {{ text-align: left; padding: .2rem 0; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: .88rem; margin: .5rem 0; overflow-wrap: normal; }}
th, td {{ border-bottom: 1px solid var(--line); padding: .25rem .7rem .25rem 0; text-align: right; vertical-align: top; }}
th.text, td.text {{ text-align: left; min-width: 4.5rem; max-width: 34rem; overflow-wrap: break-word; }}
th {{ color: var(--soft); font-weight: 600; vertical-align: bottom; }}
td:not(.text) {{ white-space: nowrap; font-variant-numeric: tabular-nums; }}
tr.first td {{ background: var(--card); font-weight: 600; }}
th button {{ all: unset; cursor: pointer; }} th button:focus-visible {{ outline: 2px solid var(--link); }}
th[aria-sort=ascending] button::after {{ content: " ▲"; }} th[aria-sort=descending] button::after {{ content: " ▼"; }}
.meter {{ display: inline-block; width: 4.5rem; height: .55rem; background: var(--grid); margin-right: .5rem; }}
.meter span {{ display: block; height: 100%; background: var(--accent); }}
figure {{ margin: .8rem 0; }} svg.fluid {{ width: 100%; max-width: 40rem; height: auto; display: block; }}
svg.fixed, svg.tree {{ display: block; max-width: none; }}
.chart text {{ font: 12px system-ui, sans-serif; fill: var(--ink); }} .chart .tick {{ fill: var(--soft); font-size: 11px; }}
.chart .name {{ fill: var(--ink); font-size: 12px; }} .chart .tiny {{ font-size: 9px; }} .chart .small {{ font-size: 10px; }}
.chart .inside {{ fill: var(--ink); }} .chart .halo {{ fill: var(--ink); stroke: var(--paper); stroke-width: 3px; paint-order: stroke; }}
.grid {{ stroke: var(--grid); }} .axis {{ stroke: var(--soft); }} .marked {{ stroke: var(--soft); stroke-dasharray: 3 3; }}
.line {{ fill: none; stroke-width: 2; }} .line.dashed {{ stroke-dasharray: 5 4; }}
.line.strong {{ stroke: var(--ink); stroke-width: 2.6; }} .line.faint {{ stroke: var(--c7); stroke-width: 1.1; opacity: .7; }}
{" ".join(f".line.c{i} {{ stroke: var(--c{i}); }} .dot.c{i} {{ fill: var(--c{i}); }}" for i in range(8))}
.dot.strong {{ fill: var(--ink); }} .point {{ fill: var(--accent); fill-opacity: .65; }} .point.front {{ fill: var(--ink); fill-opacity: 1; }}
.bar {{ fill: var(--accent); fill-opacity: .55; }} .bar.soft {{ fill: var(--soft); }}
.heat {{ fill: var(--heat); }} .heat.error {{ fill: var(--error); }} .empty {{ fill: var(--card); }}
.said {{ fill: var(--heat); stroke: var(--accent); }} .said.error {{ fill: var(--error); stroke: var(--bad-edge); }}
.trial {{ fill: none; stroke-width: 1.6; opacity: .85; stroke: color-mix(in srgb, var(--best) var(--shade), var(--worst)); }}
article {{ border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .8rem; margin: .6rem 0; background: var(--card); }}
article h5 {{ margin: 0 0 .3rem; font-size: .85rem; color: var(--soft); font-weight: 600; }} article h5 span {{ font-weight: 400; }}
div.line {{ display: grid; grid-template-columns: 4.2rem 1fr; gap: .5rem; }} div.line b {{ font-size: .8rem; color: var(--soft); font-weight: 600;
  padding-top: .15rem; }} div.line p {{ margin: 0 0 .25rem; line-height: 1.9; }}
mark {{ color: inherit; background: var(--good); border-bottom: 2px solid var(--good-edge); border-radius: .2rem; padding: .1rem .25rem; }}
mark.wrong, mark.missed {{ background: var(--bad); border-color: var(--bad-edge); }}
mark.spurious {{ background: var(--odd); border-color: var(--odd-edge); }}
mark.plain {{ background: var(--grid); border-color: var(--soft); }}
mark small {{ font-size: .68rem; font-weight: 600; margin-left: .3rem; }} mark.missed {{ border-bottom-style: dashed; }}
@media (max-width: 34rem) {{ body {{ padding: .7rem; }} div.line {{ grid-template-columns: 1fr; gap: 0; }} .meter {{ width: 2.2rem; }}
  th, td {{ padding-right: .5rem; }} }}
@media print {{ nav {{ display: none; }} body {{ max-width: none; font-size: 11px; }} article, figure, tr {{ break-inside: avoid; }}
  .wide {{ overflow: visible; }} svg.fixed, svg.tree {{ max-width: 100%; height: auto; }}
  * {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }} }}
"""

SORTING = """
for (const table of document.querySelectorAll("table")) {
  table.querySelectorAll("thead th").forEach((th, column) => {
    const button = document.createElement("button");
    button.textContent = th.textContent;
    th.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = th.getAttribute("aria-sort") === "descending";
      const value = row => { const td = row.cells[column]; return "value" in td.dataset ? Number(td.dataset.value) : td.textContent; };
      const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
      const empty = row => row.cells[column].textContent === "";
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => empty(a) - empty(b) || (up ? 1 : -1) * compare(value(a), value(b)));
      table.tBodies[0].append(...rows);
      table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
      th.setAttribute("aria-sort", up ? "ascending" : "descending");
    });
  });
}
"""
