//! The recipes of the paper's rows, and the pages about methods, against the code.

mod recipes {
    mod add_a_method;
    mod earlier;
    mod files;
    mod large;
    mod method_doc;
    mod published;
    mod shelf;
}
