"""VCF text into arrays."""
