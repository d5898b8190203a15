"""A hub for other machines: the part of the Hugging Face Hub API that its clients read with."""
