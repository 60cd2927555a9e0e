"""The sections of the review page, a file each: figures in, sentences, pictures and tables out."""
