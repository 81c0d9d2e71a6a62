//! CIFAR in both versions: layouts, damage, pickles of every kind, and the real one where it is at hand.

mod cifar {
    mod support;

    mod binary;
    mod places;
    mod python;
    mod real;
}
