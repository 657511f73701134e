def print_run(result, n_examples):
    print(result)
