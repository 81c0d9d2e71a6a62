//! Images of any size, from a file to a view.

mod resize {
    mod photos;
    mod pillow;
    mod sets;
    mod views;
}
