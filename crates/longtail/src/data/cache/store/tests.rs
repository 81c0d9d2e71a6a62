use tempfile::tempdir;

use super::*;

/// A cache of the first so many images.
fn opened(folder: &Path, images: u64, most: u64) -> Store {
    of_keys(folder, &(0..images).collect::<Vec<u64>>(), most)
}

fn of_keys(folder: &Path, keys: &[u64], most: u64) -> Store {
    Store::open(folder, "a", keys, Room::in_folder(folder, most)).unwrap()
}

fn held(store: &Store, index: usize, stamp: u64) -> Option<(Vec<u8>, [usize; 2])> {
    let mut pixels = vec![9; 2];
    let size = store.get(index, stamp, &mut pixels)?;
    Some((pixels, size))
}

#[test]
fn what_is_put_is_there_again_and_for_the_same_file_alone() {
    let dir = tempdir().unwrap();
    let open = || opened(dir.path(), 3, 1_000);
    let store = open();
    assert_eq!(held(&store, 1, 7), None);
    store.put(1, 7, [1, 2], &[1, 2, 3, 4, 5, 6]);
    store.put(0, 8, [1, 1], &[7, 8, 9]);
    let first = Some((vec![1, 2, 3, 4, 5, 6], [1, 2]));
    assert_eq!(held(&store, 1, 7), first);
    assert_eq!(held(&store, 1, 6), None, "another file");
    drop(store);
    let store = open();
    assert_eq!((store.len(), held(&store, 1, 7)), (2, first));
    // A file that was changed takes the place of what it was.
    store.put(1, 9, [1, 1], &[0, 0, 1]);
    assert_eq!(held(&store, 1, 9), Some((vec![0, 0, 1], [1, 1])));
    assert_eq!(held(&store, 0, 8), Some((vec![7, 8, 9], [1, 1])));
    assert_eq!(held(&store, 7, 8), None);
}

#[test]
fn damage_is_seen_and_mended() {
    let dir = tempdir().unwrap();
    let open = |images| opened(dir.path(), images, 1_000);
    let fill = |store: Store| (0..3).for_each(|i| store.put(i, 1, [1, 1], &[i as u8; 3]));
    fill(open(3));
    let pixels = dir.path().join("a.pixels");
    std::fs::write(&pixels, [0, 0, 0, 1, 9, 1, 2, 2]).unwrap();
    let store = open(3);
    let held = [0, 1, 2].map(|index| held(&store, index, 1).is_some());
    assert_eq!(held, [true, false, false], "one is other, one cut off");
    drop(store);
    // A table that is cut off, or of something else, is begun again.
    let table = dir.path().join("a.table");
    let bytes = std::fs::read(&table).unwrap();
    std::fs::write(&table, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(open(3).len(), 0);
    fill(open(3));
    assert_eq!(open(3).len(), 3);
    std::fs::write(&table, [3; 16 + 4 * 40]).unwrap();
    assert_eq!(open(3).len(), 0);
}

#[test]
fn no_more_is_kept_than_the_bound_and_one_process_writes() {
    let dir = tempdir().unwrap();
    let store = opened(dir.path(), 4, 7);
    let second = opened(dir.path(), 4, 1_000);
    (0..4).for_each(|i| store.put(i, 1, [1, 1], &[i as u8; 3]));
    second.put(3, 1, [1, 1], &[3; 3]);
    assert_eq!((store.len(), second.len()), (2, 0));
    assert_eq!(dir.path().join("a.pixels").metadata().unwrap().len(), 6);
    assert_eq!(store.why_ended().as_deref(), Some("--cache-gib is reached"));
    assert_eq!((store.why_ended(), second.why_ended()), (None, None), "it is said once");
    drop(store);
    assert_eq!(opened(dir.path(), 4, 1_000).len(), 2);
}

#[test]
fn what_changed_files_had_is_taken_by_others() {
    let dir = tempdir().unwrap();
    let length = || dir.path().join("a.pixels").metadata().unwrap().len();
    let store = opened(dir.path(), 4, 1_000);
    (0..3).for_each(|i| store.put(i, 1, [1, 2], &[i as u8; 6]));
    // Smaller ones leave a gap, also for who opens it anew.
    store.put(1, 2, [1, 1], &[7; 3]);
    assert_eq!(
        (length(), store.holds(1, || Some(1)), store.holds(1, || Some(2))),
        (18, Some(false), Some(true))
    );
    drop(store);
    let store = opened(dir.path(), 4, 0);
    store.put(3, 1, [1, 1], &[9; 3]);
    assert_eq!(length(), 18);
    let all = [(0, 1), (1, 2), (2, 1), (3, 1)].map(|(index, stamp)| held(&store, index, stamp));
    let sizes = all.map(|held| held.map(|(pixels, _)| (pixels.len(), pixels[0])));
    assert_eq!(sizes, [(6, 0), (3, 7), (6, 2), (3, 9)].map(Some));
}

#[test]
fn images_stay_where_others_come_and_go() {
    let dir = tempdir().unwrap();
    let store = of_keys(dir.path(), &[10, 11, 12], 1_000);
    (0..3).for_each(|i| store.put(i, 1, [1, 2], &[i as u8; 6]));
    drop(store);
    // One has gone, one has come in front, and one stands there twice.
    let store = of_keys(dir.path(), &[9, 12, 10, 12], 1_000);
    assert_eq!(store.len(), 2);
    let first = |index| held(&store, index, 1).map(|(pixels, _)| pixels[0]);
    assert_eq!([0, 1, 2, 3].map(first), [None, Some(2), Some(0), None]);
    store.put(3, 1, [1, 2], &[2; 6]);
    store.put(0, 1, [1, 2], &[7; 6]);
    drop(store);
    let store = of_keys(dir.path(), &[9, 12, 10, 12], 1_000);
    assert_eq!(store.len(), 4);
    drop(store);
    // The one that has gone is still there for who has it.
    assert_eq!(held(&of_keys(dir.path(), &[11], 1_000), 0, 1), Some((vec![1; 6], [1, 2])));
}

#[test]
fn images_that_are_not_in_the_set_go_when_room_is_needed() {
    let dir = tempdir().unwrap();
    let store = of_keys(dir.path(), &[1, 2, 3], 18);
    (0..3).for_each(|i| store.put(i, 1, [1, 2], &[i as u8; 6]));
    drop(store);
    let store = of_keys(dir.path(), &[3, 4, 5], 18);
    // It takes more room than one that goes had: both lie side by side.
    store.put(1, 1, [1, 4], &[8; 12]);
    assert_eq!((store.len(), held(&store, 0, 1)), (2, Some((vec![2; 6], [1, 2]))));
    store.put(2, 1, [1, 1], &[9; 3]);
    assert_eq!(store.why_ended().as_deref(), Some("--cache-gib is reached"));
    drop(store);
    assert_eq!(dir.path().join("a.pixels").metadata().unwrap().len(), 18);
    assert_eq!(of_keys(dir.path(), &[1, 2], 18).len(), 0);
    let store = of_keys(dir.path(), &[4, 3], 18);
    assert_eq!(held(&store, 0, 1), Some((vec![8; 12], [1, 4])));
}
