//! One equation per file, in the paper's symbols.
