"""What is worth knowing of a text before a model learns it. `charrnn corpora check` shows it.

Where it is damaged, what is in it by accident, what there is too little of, and how far counting gets.

May import: evaluation and everything below; never torch.
"""
