"""The embedded family's instructor, editor and fault injector: image processing on a CPU."""
