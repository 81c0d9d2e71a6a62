use std::{fs, io::Write, path::PathBuf};

use tempfile::{TempDir, tempdir};

use super::*;
use crate::{
    device,
    model::{
        Branches, ClassifierKind, NetworkConfig,
        weights::{self, State, Weights},
    },
};

/// Files that PyTorch has written (`make.py` beside them).
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/checkpoints")).join(name)
}

fn values(pretrained: &Pretrained, name: &str) -> Result<Weights, PretrainedError> {
    pretrained.tensors[name].values(name, &pretrained.file())
}

fn config(backbone: &str, classes: usize) -> NetworkConfig {
    NetworkConfig::new(backbone.parse().unwrap(), classes)
}

fn network(config: &NetworkConfig, seed: u64) -> Network {
    Network::new(config, seed, &device::cpu()).unwrap()
}

/// `state` under other names, as a file.
fn file(state: &State, name: impl Fn(&str) -> String) -> (TempDir, PathBuf) {
    let renamed = state.iter().map(|(old, weights)| (name(old), weights.clone())).collect();
    let place = tempdir().unwrap();
    let path = place.path().join("weights");
    fs::write(&path, weights::to_safetensors(&renamed, Default::default()).unwrap()).unwrap();
    (place, path)
}

fn torchvisions(name: &str) -> String {
    name.strip_prefix("encoder.").unwrap_or(name).to_owned()
}

fn refusal(state: &State, config: &NetworkConfig) -> String {
    let (_place, path) = file(state, torchvisions);
    let pretrained = Pretrained::read(&path).unwrap();
    let said = network(config, 0).with_pretrained(&pretrained).unwrap_err().to_string();
    assert!(said.starts_with(&path.display().to_string()) && !said.contains('\n'), "{said}");
    said
}

#[test]
fn every_format_of_pytorch_has_the_same_values() {
    let zip = Pretrained::read(&fixture("zip.pth")).unwrap();
    let conv1 = values(&zip, "conv1.weight").unwrap();
    assert_eq!(conv1.shape, [2, 3, 3, 3]);
    assert_eq!((&conv1.values[..3], conv1.values[53]), (&[-0.25, -1.25, 1.0][..], 1.5));
    for name in ["zip", "legacy", "tar", "f16", "bf16", "f64", "views", "runs-beside"] {
        let pretrained = Pretrained::read(&fixture(&format!("{name}.pth"))).unwrap();
        let before = if name == "runs-beside" { "state_dict." } else { "" };
        let own = |tensor: &str| values(&pretrained, &format!("{before}{tensor}")).unwrap();
        assert_eq!(own("conv1.weight"), conv1, "{name}");
        assert_eq!(own("bn1.weight").values, [0.25, 1.75], "{name}");
        assert_eq!(own("fc.bias").values, [-0.5, 0.25, -1.5, 1.25], "{name}");
        assert_eq!(pretrained.shapes().count(), 3, "{name} has no counter of batches");
    }
}

#[test]
fn weights_of_a_checkpoint_are_told_from_what_lies_beside_them() {
    let nested = Pretrained::read(&fixture("nested.pth")).unwrap();
    let names: Vec<_> = nested.shapes().map(|(name, _)| name).collect();
    assert!(names.contains(&"optimizer.state.0.momentum_buffer"), "{names:?}");
    let encoder = ["conv1.weight", "bn1.weight"].into();
    let prefix = names::Prefix::of(names.iter().copied(), &encoder).unwrap();
    assert_eq!((prefix.0, prefix.key()), ("state_dict.module.", Some("state_dict")));
    assert_eq!(values(&nested, "state_dict.module.bn1.weight").unwrap().values, [0.25, 1.75]);
}

#[test]
fn what_is_no_plain_tensor_is_refused_by_name_and_nothing_is_run() {
    for (name, says) in [
        ("runs", "posix.getcwd"),
        ("complex", "ComplexFloatStorage"),
        ("sparse", "_rebuild_sparse_tensor"),
        ("quantised", "QInt8Storage"),
        ("none", "holds no tensor"),
    ] {
        let path = fixture(&format!("{name}.pth"));
        let said = Pretrained::read(&path).unwrap_err().to_string();
        assert!(said.contains(says) && said.contains("checkpoints"), "{said}");
    }
    for (name, tensor) in [
        ("complex", "bn1.weight"),
        ("float8", "bn1.weight"),
        ("sparse", "bn1.weight"),
        ("quantised", "bn1.weight"),
        ("complex-beside", "optimizer.state.0.exp_avg"),
    ] {
        let said = Pretrained::read(&fixture(&format!("{name}.pth"))).unwrap_err().to_string();
        assert!(said.contains(&format!("tensor \"{tensor}\" in it is of Python's type")), "{said}");
        assert!(said.contains("save the weights alone"), "{said}");
    }
    let instead = Pretrained::read(&fixture("runs-instead.pth")).unwrap();
    assert!(!instead.tensors.contains_key("bn1.weight"), "a call is no tensor");
    for (name, says) in [("integers", "is of type I64"), ("nan", "not finite")] {
        let pretrained = Pretrained::read(&fixture(&format!("{name}.pth"))).unwrap();
        let said = values(&pretrained, "bn1.weight").unwrap_err().to_string();
        assert!(said.contains(says) && said.contains("\"bn1.weight\""), "{said}");
        assert!(values(&pretrained, "conv1.weight").is_ok(), "what is not asked for is no matter");
    }
}

#[test]
fn what_stands_in_the_place_of_a_tensor_is_told_under_its_name_in_the_file() {
    let network = network(&config("resnet8", 3), 0);
    for (name, says) in [
        ("words", "\"state_dict.conv1.weight\" in it is text, and no tensor of numbers"),
        (
            "meta",
            "\"conv1.weight\" in it is what Python makes by torch._utils._rebuild_meta_tensor",
        ),
    ] {
        let pretrained = Pretrained::read(&fixture(&format!("{name}.pth"))).unwrap();
        let said = pretrained.fitted(&network).unwrap_err().to_string();
        assert!(said.contains("does not fit resnet8") && said.contains(says), "{said}");
    }
}

#[test]
fn files_that_are_cut_off_or_damaged_are_told_as_such() {
    let place = tempdir().unwrap();
    let path = place.path().join("w");
    let (_other, own) = file(&weights::state(&network(&config("resnet8", 2), 0)), str::to_owned);
    for whole in [fixture("zip.pth"), fixture("legacy.pth"), fixture("tar.pth"), own] {
        let bytes = fs::read(&whole).unwrap();
        // The archive before PyTorch 0.1.10 ends in zeros.
        let cut = if whole.ends_with("tar.pth") { 2000 } else { bytes.len() - 10 };
        fs::write(&path, &bytes[..cut]).unwrap();
        let said = Pretrained::read(&path).unwrap_err().to_string();
        assert!(said.ends_with("w is cut off or damaged: copy it again"), "{whole:?}: {said}");
    }
    let mut changed = fs::read(fixture("zip.pth")).unwrap();
    let value = (-0.25_f32).to_le_bytes();
    let at = changed.windows(4).position(|bytes| bytes == value).unwrap();
    changed[at] ^= 1;
    fs::write(&path, changed).unwrap();
    let pretrained = Pretrained::read(&path).unwrap();
    let said = values(&pretrained, "conv1.weight").unwrap_err().to_string();
    assert!(said.ends_with("w is cut off or damaged: copy it again"), "{said}");
}

/// Whatever byte is another, the file is read or refused.
#[test]
fn damaged_files_are_no_reason_to_panic() {
    let place = tempdir().unwrap();
    let path = place.path().join("w");
    let (_other, own) = file(&weights::state(&network(&config("resnet8", 2), 0)), str::to_owned);
    let own = fs::read(own).unwrap();
    let names = ["zip", "legacy", "tar", "bf16", "runs-beside"];
    let mut whole: Vec<_> =
        names.map(|name| fs::read(fixture(&format!("{name}.pth"))).unwrap()).into();
    whole.push(own[..6000].to_vec());
    let mut refused = 0;
    let mut look = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let read = Pretrained::read(&path);
        let all = read.and_then(|read| {
            read.tensors.keys().try_for_each(|name| values(&read, name).map(|_| ()))
        });
        refused += usize::from(all.is_err());
    };
    for bytes in whole {
        let step = bytes.len().div_ceil(400);
        for place in (0..bytes.len()).step_by(step) {
            for flip in [0xff, 0x01] {
                let mut changed = bytes.clone();
                changed[place] ^= flip;
                look(&changed);
            }
            look(&bytes[..place]);
        }
    }
    assert!(refused > 2000, "{refused}");
}

#[test]
fn files_that_would_take_all_memory_are_refused() {
    let place = tempdir().unwrap();
    let path = place.path().join("bomb");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    let deflated = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated);
    zip.start_file("a/data.pkl", deflated).unwrap();
    zip.write_all(&vec![b'N'; 9 << 20]).unwrap();
    zip.finish().unwrap();
    let said = Pretrained::read(&path).unwrap_err().to_string();
    assert!(said.contains("data.pkl has 9 MiB"), "{said}");
    let mut header = tar::Header::new_gnu();
    header.set_path("storages").unwrap();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_size(0);
    let gnu = header.as_gnu_mut().unwrap();
    // A file of eight GiB of which nothing is there.
    gnu.realsize.copy_from_slice(b"100000000000");
    gnu.sparse[0].offset.copy_from_slice(b"100000000000");
    gnu.sparse[0].numbytes.copy_from_slice(b"000000000000");
    header.set_cksum();
    let mut archive = header.as_bytes().to_vec();
    archive.resize(2048, 0);
    fs::write(&path, archive).unwrap();
    let said = Pretrained::read(&path).unwrap_err().to_string();
    assert!(said.contains("longer than the archive"), "{said}");
}

#[test]
fn what_is_no_file_of_weights_is_refused_in_a_sentence() {
    let place = tempdir().unwrap();
    let path = place.path().join("w.pth");
    let said = |path: &Path| Pretrained::read(path).unwrap_err().to_string();
    assert!(said(&path).contains("w.pth cannot be read"), "{}", said(&path));
    assert!(said(place.path()).contains("it is a folder"));
    for bytes in [&b""[..], b"words", b"\x80\x04}.", b"PK\x03\x04", b"\x10\0\0\0\0\0\0\0{"] {
        fs::write(&path, bytes).unwrap();
        let said = said(&path);
        assert!(said.starts_with(&path.display().to_string()) && !said.contains('\n'), "{said}");
    }
}

#[test]
fn names_of_others_and_wrappers_fill_a_network() {
    let config = config("resnet8", 3);
    let (trained, fresh) = (network(&config, 1), network(&config, 2));
    let state = weights::state(&trained);
    for before in ["", "module.", "_orig_mod.module.", "backbone.", "state_dict.model."] {
        let (_place, path) = file(&state, |name| format!("{before}{}", torchvisions(name)));
        let pretrained = Pretrained::read(&path).unwrap();
        let (filled, loaded) = fresh.clone().with_pretrained(&pretrained).unwrap();
        assert_eq!(weights::state(&filled), state, "{before}");
        assert_eq!((loaded.loaded.len(), loaded.loaded[0].as_str()), (37, "encoder.conv1.weight"));
        assert!(loaded.skipped.is_empty() && loaded.missing.is_empty(), "{loaded:?}");
    }
    // A classifier beside the module that wraps the encoder.
    let (_place, path) =
        file(&state, |name| format!("module.{}", name.replace("encoder", "backbone")));
    let (filled, _) = fresh.with_pretrained(&Pretrained::read(&path).unwrap()).unwrap();
    assert_eq!(weights::state(&filled), state);
}

#[test]
fn heads_and_classifiers_are_taken_where_all_of_them_fits() {
    let contrastive = |classes, head| NetworkConfig {
        head: Some([16, head]),
        prototypes: true,
        ..config("resnet8", classes)
    };
    let state = weights::state(&network(&contrastive(3, 8), 1));
    let (_place, path) = file(&state, str::to_owned);
    let pretrained = Pretrained::read(&path).unwrap();
    let missing = |config: &NetworkConfig| {
        let (filled, loaded) = network(config, 2).with_pretrained(&pretrained).unwrap();
        assert_eq!(weights::state(&filled)["encoder.conv1.weight"], state["encoder.conv1.weight"]);
        (loaded.missing.join(" "), loaded.skipped.join(" "), loaded.to_string())
    };
    assert_eq!(missing(&contrastive(3, 8)).0, "");
    let (new, skipped, said) = missing(&contrastive(4, 8));
    assert_eq!((&new[..], &skipped[..]), ("fc.weight fc.bias", "fc.bias fc.weight"));
    assert!(said.contains("; new: fc.weight, fc.bias; 2 tensors of the file not taken"), "{said}");
    let (new, _, _) = missing(&contrastive(3, 9));
    assert!(new.contains("head.0.weight") && new.contains("head_fc.3.bias"), "{new}");
    assert!(!new.contains("fc.weight"), "{new}");
    let cosine = NetworkConfig { classifier: ClassifierKind::Cosine, ..config("resnet8", 3) };
    assert_eq!(missing(&cosine).0, "fc.weight", "a linear layer is no cosine one");
}

#[test]
fn another_network_is_named() {
    let of = |backbone: &str| weights::state(&network(&config(backbone, 3), 1));
    let (small, deeper) = (of("resnet8"), of("resnet14"));
    let said = refusal(&small, &config("resnet14", 3));
    assert!(said.contains("does not fit resnet14: the file has no \"encoder.layer1.1.conv1.weight\" of shape [16, 16, 3, 3]; it seems to be of resnet8: take --backbone resnet8"), "{said}");
    let said = refusal(&deeper, &config("resnet8", 3));
    assert!(said.contains("no place for \"layer1.1.bn1.bias\""), "{said}");
    assert!(said.ends_with("it seems to be of resnet14: take --backbone resnet14"), "{said}");
    for kind in ["resnet18", "resnet34", "resnet50", "resnext50_32x4d"] {
        let said = refusal(&of(kind), &config("resnet8", 3));
        assert!(said.contains("\"conv1.weight\" has shape [64, 3, 7, 7] where [16, 3, 3, 3] is"));
        assert!(said.ends_with(&format!("of {kind}: take --backbone {kind}")), "{said}");
    }
    let said = refusal(&of("resnet34"), &config("resnet18", 3));
    assert!(said.contains("no place for \"layer1.2.bn1.bias\""), "{said}");
    // What was taken is no mend.
    let mut lacking = small.clone();
    lacking.remove("encoder.layer3.0.bn2.weight");
    let said = refusal(&lacking, &config("resnet8", 3));
    assert!(said.ends_with("no \"encoder.layer3.0.bn2.weight\" of shape [64]"), "{said}");
    let only = State::from([("blocks.0.qkv".to_owned(), small["fc.weight"].clone())]);
    let said = refusal(&only, &config("resnet8", 3));
    assert!(said.contains("it has blocks.0.qkv, and \"conv1.weight\" is looked for"), "{said}");
}

#[test]
fn networks_of_several_branches_take_their_own() {
    let experts = Branches::Experts { count: 2, widths: [16, 32] };
    for branches in [experts, Branches::LastBlocks { count: 2 }] {
        let config = NetworkConfig { branches, ..config("resnet8", 3) };
        let state = weights::state(&network(&config, 1));
        let (_place, path) = file(&state, |name| format!("module.{name}"));
        let pretrained = Pretrained::read(&path).unwrap();
        let (filled, loaded) = network(&config, 2).with_pretrained(&pretrained).unwrap();
        assert_eq!(weights::state(&filled), state);
        assert!(loaded.missing.is_empty(), "{loaded:?}");
        let plain = weights::state(&network(&self::config("resnet8", 3), 1));
        let said = refusal(&plain, &config);
        assert!(said.contains("the file has no \"branches.0.layer"), "{said}");
    }
}

#[test]
fn values_that_are_not_finite_are_refused_by_name() {
    let mut state = weights::state(&network(&config("resnet8", 3), 1));
    state.get_mut("encoder.bn1.bias").unwrap().values[2] = f32::INFINITY;
    let (_place, path) = file(&state, torchvisions);
    let pretrained = Pretrained::read(&path).unwrap();
    let said = pretrained.fitted(&network(&config("resnet8", 3), 0)).unwrap_err().to_string();
    assert!(said.contains("\"bn1.bias\"") && said.contains("not finite"), "{said}");
}

#[test]
fn a_digest_tells_weights_and_not_files_apart() {
    let config = config("resnet8", 3);
    let state = weights::state(&network(&config, 1));
    let digest = |state: &State, name: fn(&str) -> String| {
        let (_place, path) = file(state, name);
        Pretrained::read(&path).unwrap().fitted(&network(&config, 0)).unwrap().digest()
    };
    let own = digest(&state, str::to_owned);
    assert_eq!(digest(&state, torchvisions), own);
    let mut other = state;
    other.get_mut("fc.bias").unwrap().values[0] += 1.0;
    assert_ne!(digest(&other, torchvisions), own);
}
