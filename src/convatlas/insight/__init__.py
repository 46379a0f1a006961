"""What a network makes of images: a network and its images in, numbers out, never a picture."""
