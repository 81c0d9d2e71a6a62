//! Images of any size, from a file to a view.

mod resize {
    mod disk;
    mod photos;
    mod pillow;
    mod sets;
    mod views;
}
