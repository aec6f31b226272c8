"""Vision-language models as instructor, verifier and judge: prompts in, checked values out."""
