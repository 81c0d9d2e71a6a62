use std::path::PathBuf;

use super::{Holdout, Resize};
use crate::{
    choice::choice,
    section::{Limits, section},
};

choice! {
    /// Where the images of folders and lists are while a run works with them.
    Storage {
        /// In memory; on disk where there are more than 50,000, or a cache is given.
        Auto = "auto",
        /// In memory, decoded once.
        Memory = "memory",
        /// In their files, each read and decoded whenever a view of it is made; names and sizes of the files identify
        /// them, not their content.
        Disk = "disk",
    }
}

section! {
    /// `[data]`
    "data" Data, DataTyped {
        /// synthetic, cifar10-lt, cifar100-lt, cifar10, cifar100, an image folder, a list file, or a file of `data pack`.
        name: String =>
            r#"`"synthetic"`, `"cifar10-lt"`, `"cifar10"`, `"cifar100-lt"`, `"cifar100"`, or the path of a folder or a list"#,
            "–", default "synthetic";
        /// CIFAR's binary or Python version (torchvision's), as .tar.gz, folder, or what holds one; the folder that a list's paths start from; or a pack of the same split.
        dir: PathBuf =>
            r#"path of the archive or folder of CIFAR, binary or Python version, or where the paths of a list start; `""`: where the fetch command puts it, or beside the list"#,
            "–", default "where `data fetch` puts it; for lists, beside the list";
        /// Training list: "path label" lines, or a table with commas, semicolons or tabs; a column named split says which rows train, validate and test.
        train_list: PathBuf =>
            r#"path; `""`: none"#, "–", default "none";
        /// Validation list.
        val_list: PathBuf =>
            r#"path; `""`: none"#, "–", default "none";
        /// Test list.
        test_list: PathBuf =>
            r#"path; `""`: none"#, "–", default "none";
        /// Height and width of what a model sees of the images of folders and lists.
        image_size: usize =>
            "8 to 1024 pixels, for folders and lists", "Longtail",
            default "32, 64, 96 or 128, by the images and the machine",
            within Limits::range(8.0, 1024.0, "the image size lies between 8 and 1024 pixels");
        /// How images of folders and lists that are no squares become squares.
        resize: Resize =>
            r#"`"crop"`: the shorter side becomes that size, or shorter_side, views are cropped out of that, at random to train and from the centre to test; `"squash"`: both sides do; `"full"`: views to train on are cropped out of the whole image, and its shorter side becomes shorter_side to test; for folders and lists"#,
            "torchvision's `Resize` and `CenterCrop`";
        /// What the shorter side of an image is brought to before views are cropped out of it, with crop; or before the centre is tested on, with full.
        shorter_side: usize =>
            "pixels, at least image_size; `0`: image_size with crop, 8/7 of it with full (256 for 224)",
            "torchvision's references", default "image_size with crop, 8/7 of it with full",
            within Limits::range(0.0, 2048.0, "the shorter side has at most 2048 pixels");
        /// Where the images of folders and lists are while a run works with them.
        storage: Storage =>
            r#"`"memory"`: decoded once; `"disk"`: read and decoded whenever a view is made, names and sizes of the files identify them; `"auto"`: on disk where there are more than 50,000, or a cache is given"#,
            "Longtail";
        /// A folder in which images that stay on disk are kept decoded from run to run, brought to the size that views are cropped out of, and those of Parquet files unpacked.
        cache: PathBuf =>
            r#"path of a folder; `""`: none; whole images, with full, are not kept decoded"#, "Longtail", default "none";
        /// GiB that all files in that folder may take; what does not fit is decoded each time.
        cache_gib: f64 =>
            "GiB", "Longtail", within Limits::from(0.0, "GiB are counted from 0").capped(1e6);
        /// Imbalance factor n_max / n_min; 0: as the images come.
        imbalance: f64 =>
            "n_max / n_min, at least 1; `0.0`: as the images come", "paper §4.1; Longtail",
            elsewhere "as the images come in folders and lists";
        /// Seed of the long-tailed subset.
        split_seed: u64 =>
            "seed of the subset", "LDAM-DRW's code, which BCL's copies";
        /// Validation images held out per class, a share such as 10% or 0.1 of each class, auto or none. With none, only the last epoch is reported.
        val: Holdout =>
            r#"`"auto"`: 50 images of a class on CIFAR-10, 20 on CIFAR-100 and the synthetic set, a tenth in folders and lists; `"none"`; a number per class, such as `10`; or a share of each class, such as `0.1` or `"10%"`"#,
            "Longtail",
            default "auto: 50 on CIFAR-10, 20 on CIFAR-100 and the synthetic set, a tenth in folders and lists";
        /// A split.json to use again.
        split: PathBuf =>
            r#"path of a split.json to use again; `""`: none"#, "–", default "a new split";
        /// Take a CIFAR archive whose content deviates from the official one.
        any_content: bool =>
            "`true`: take a CIFAR archive that deviates from the official one; `false`", "Longtail";
        /// Leave out files that cannot be read, and list them, instead of stopping.
        skip_broken: bool =>
            "`true`: leave out files that cannot be read; `false`: refuse them", "Longtail";
    }
}
