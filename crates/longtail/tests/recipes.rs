//! The recipes of the paper's rows, and docs/method.md, against the code.

mod recipes {
    mod earlier;
    mod files;
    mod method_doc;
    mod published;
    mod shelf;
}
