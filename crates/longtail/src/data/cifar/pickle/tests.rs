use proptest::prelude::*;

use super::*;

/// `{"n": [0, 255, 256, 65535, 65536, -1, -2**31, 2**31, 2**62, -2**63], b"b": (1,), "t": (1, 2),
/// "s": ["café", b"ab", "z"], "o": [None, True, False, 1.5, 2**70], "same": [x, x]}` with `x = ["x"]`, written
/// by Python 2.7 (protocol 2) and 3.11 (2 to 5).
const PLAIN: [&[u8]; 5] = [
    b"\x80\x02}q\x01(X\x01\x00\x00\x00o]q\x02(N\x88\x89G?\xf8\x00\x00\x00\x00\x00\x00\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00@eU\x01bK\x01\x85q\x03X\x04\x00\x00\x00sameq\x04]q\x05(]q\x06U\x01xah\x06eX\x01\x00\x00\x00n]q\x07(K\x00K\xffM\x00\x01M\xff\xffJ\x00\x00\x01\x00J\xff\xff\xff\xffJ\x00\x00\x00\x80I2147483648\nI4611686018427387904\n\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80eX\x01\x00\x00\x00s]q\x08(X\x05\x00\x00\x00caf\xc3\xa9q\x09U\x02abq\nX\x01\x00\x00\x00zeX\x01\x00\x00\x00tK\x01K\x02\x86q\x0bu.",
    b"\x80\x02}q\x00(X\x01\x00\x00\x00nq\x01]q\x02(K\x00K\xffM\x00\x01M\xff\xffJ\x00\x00\x01\x00J\xff\xff\xff\xffJ\x00\x00\x00\x80\x8a\x05\x00\x00\x00\x80\x00\x8a\x08\x00\x00\x00\x00\x00\x00\x00@\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80ec_codecs\nencode\nq\x03X\x01\x00\x00\x00bq\x04X\x06\x00\x00\x00latin1q\x05\x86q\x06Rq\x07K\x01\x85q\x08X\x01\x00\x00\x00tq\x09K\x01K\x02\x86q\nX\x01\x00\x00\x00sq\x0b]q\x0c(X\x05\x00\x00\x00caf\xc3\xa9q\x0dh\x03X\x02\x00\x00\x00abq\x0eh\x05\x86q\x0fRq\x10X\x01\x00\x00\x00zq\x11eX\x01\x00\x00\x00oq\x12]q\x13(N\x88\x89G?\xf8\x00\x00\x00\x00\x00\x00\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00@eX\x04\x00\x00\x00sameq\x14]q\x15(]q\x16X\x01\x00\x00\x00xq\x17ah\x16eu.",
    b"\x80\x03}q\x00(X\x01\x00\x00\x00nq\x01]q\x02(K\x00K\xffM\x00\x01M\xff\xffJ\x00\x00\x01\x00J\xff\xff\xff\xffJ\x00\x00\x00\x80\x8a\x05\x00\x00\x00\x80\x00\x8a\x08\x00\x00\x00\x00\x00\x00\x00@\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80eC\x01bq\x03K\x01\x85q\x04X\x01\x00\x00\x00tq\x05K\x01K\x02\x86q\x06X\x01\x00\x00\x00sq\x07]q\x08(X\x05\x00\x00\x00caf\xc3\xa9q\x09C\x02abq\nX\x01\x00\x00\x00zq\x0beX\x01\x00\x00\x00oq\x0c]q\x0d(N\x88\x89G?\xf8\x00\x00\x00\x00\x00\x00\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00@eX\x04\x00\x00\x00sameq\x0e]q\x0f(]q\x10X\x01\x00\x00\x00xq\x11ah\x10eu.",
    b"\x80\x04\x95\x9f\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01n\x94]\x94(K\x00K\xffM\x00\x01M\xff\xffJ\x00\x00\x01\x00J\xff\xff\xff\xffJ\x00\x00\x00\x80\x8a\x05\x00\x00\x00\x80\x00\x8a\x08\x00\x00\x00\x00\x00\x00\x00@\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80eC\x01b\x94K\x01\x85\x94\x8c\x01t\x94K\x01K\x02\x86\x94\x8c\x01s\x94]\x94(\x8c\x05caf\xc3\xa9\x94C\x02ab\x94\x8c\x01z\x94e\x8c\x01o\x94]\x94(N\x88\x89G?\xf8\x00\x00\x00\x00\x00\x00\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00@e\x8c\x04same\x94]\x94(]\x94\x8c\x01x\x94ah\x10eu.",
    b"\x80\x05\x95\x9f\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01n\x94]\x94(K\x00K\xffM\x00\x01M\xff\xffJ\x00\x00\x01\x00J\xff\xff\xff\xffJ\x00\x00\x00\x80\x8a\x05\x00\x00\x00\x80\x00\x8a\x08\x00\x00\x00\x00\x00\x00\x00@\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80eC\x01b\x94K\x01\x85\x94\x8c\x01t\x94K\x01K\x02\x86\x94\x8c\x01s\x94]\x94(\x8c\x05caf\xc3\xa9\x94C\x02ab\x94\x8c\x01z\x94e\x8c\x01o\x94]\x94(N\x88\x89G?\xf8\x00\x00\x00\x00\x00\x00\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00@e\x8c\x04same\x94]\x94(]\x94\x8c\x01x\x94ah\x10eu.",
];

/// The head of a pickle that makes an array of bytes as NumPy 1 does, up to its state.
const ARRAY: &[u8] = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR";
/// NumPy's type of bytes.
const BYTE: &[u8] =
    b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb";

/// A pickle of protocol 2 of these pieces.
fn pickle(pieces: &[&[u8]]) -> Vec<u8> {
    [b"\x80\x02", &pieces.concat()[..], b"."].concat()
}

fn refusal(pieces: &[&[u8]]) -> String {
    Pickle::read(&pickle(pieces)).unwrap_err().to_string()
}

fn numbers(bytes: &[u8], key: &str) -> Option<Vec<i64>> {
    let pickle = Pickle::read(bytes).unwrap();
    pickle.numbers(pickle.get(key)?)
}

#[test]
fn plain_data_of_every_protocol() {
    for bytes in PLAIN {
        let wide = [0, 255, 256, 65535, 65536, -1, -(1 << 31), 1 << 31, 1 << 62, i64::MIN];
        assert_eq!(numbers(bytes, "n").unwrap(), wide);
        assert_eq!(numbers(bytes, "b").unwrap(), [1]);
        assert_eq!(numbers(bytes, "t").unwrap(), [1, 2]);
        assert_eq!(numbers(bytes, "o"), None, "None is no number");
        assert_eq!(numbers(bytes, "absent"), None);
        let pickle = Pickle::read(bytes).unwrap();
        assert_eq!(pickle.strings(pickle.get("s").unwrap()).unwrap(), ["café", "ab", "z"]);
        let same = pickle.items(pickle.get("same").unwrap()).unwrap();
        assert_eq!(same[0], same[1]);
        assert_eq!(pickle.strings(same[0]).unwrap(), ["x"]);
    }
}

#[test]
fn the_last_of_equal_keys_counts() {
    assert_eq!(numbers(&pickle(&[b"}(U\x01a]U\x01a(K\x07lu"]), "a").unwrap(), [7]);
}

#[test]
fn arrays_are_as_their_state_says() {
    let state = |rest: &[u8]| pickle(&[b"}U\x01d", ARRAY, b"(K\x01", rest, b"U\x06abcdeftbs"]);
    for (flag, order) in [(b"\x89", Order::C), (b"\x88", Order::Fortran)] {
        let bytes = state(&[b"K\x02K\x03\x86", BYTE, flag].concat());
        let mut pickle = Pickle::read(&bytes).unwrap();
        let array = pickle.take_array(pickle.get("d").unwrap());
        let expected = Array { shape: vec![2, 3], order, bytes: b"abcdef".into() };
        assert_eq!(array, Some(expected));
    }
    let one_dimension = state(&[b"K\x06\x85", BYTE, b"\x89"].concat());
    assert_eq!(numbers(&one_dimension, "d").unwrap(), [97, 98, 99, 100, 101, 102]);
    for (shape, why) in [
        (&b"K\x02K\x04\x86"[..], "as many bytes"),
        (b"J\xff\xff\xff\xffJ\xfa\xff\xff\xff\x86", "no shape"),
        (b"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40K\x04\x86", "as many bytes"),
        (b"(K\x06K\x01K\x01K\x01K\x01t", "no shape"),
        (b"K\x06", "no shape"),
    ] {
        let error = Pickle::read(&state(&[shape, BYTE, b"\x89"].concat())).unwrap_err();
        assert!(error.to_string().contains(why), "{shape:?}: {error}");
    }
}

#[test]
fn whatever_else_is_asked_for_is_refused_by_name() {
    for (pieces, name) in [
        (&b"cos\nsystem\nU\x02ls\x85R"[..], "os.system"),
        (b"c__builtin__\neval\nU\x011\x85R", "__builtin__.eval"),
        (b"\x8c\x08builtins\x8c\x04exec\x93\x8c\x04pass\x85R", "builtins.exec"),
        (b"cnumpy.core.multiarray\nscalar\n", "numpy.core.multiarray.scalar"),
        (b"cnumpy\nload\n", "numpy.load"),
        (b"cnumpy\ndtype\nU\x02i8K\x00K\x01\x87R", "NumPy's type i8 (only bytes, u1, are read)"),
        (b"cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R", "NumPy's type O8 (only bytes, u1, are read)"),
        (b"(ios\nsystem\n", "an object of a class"),
        (b"(cnumpy\nndarray\no", "an object of a class"),
        (b"cnumpy\nndarray\n)\x81", "an object of a class"),
        (b"cnumpy\nndarray\n)}\x92", "an object of a class"),
        (b"Pname\n", "a persistent object"),
        (b"NQ", "a persistent object"),
        (b"\x82\x01", "the extension registry"),
        (b"\x8f", "a set"),
        (b"(\x91", "a set"),
        (b"\x97", "a buffer that is not in the file"),
        (b"cos\x1b[31m\nsys\xfftem\n", "os\\u{1b}[31m.sys\u{fffd}tem"),
    ] {
        assert_eq!(refusal(&[pieces]), format!("the pickle asks for {name}: refused"));
    }
    let long = [b"c".as_slice(), &[b'm'; 5000], b"\n", &[b'n'; 5000], b"\n"].concat();
    assert!(refusal(&[&long]).len() < 200);
}

#[test]
fn faults_are_named() {
    for (pieces, what) in [
        (&b"K\x01"[..], ""),
        (b"0", "its stack is empty"),
        (b"K\x01(a", "its stack is empty"),
        (b"t", "a mark is missing"),
        (b"h\x05", "it refers to nothing"),
        (b"K\x01K\x02a", "no list and no dict"),
        (b"}(K\x01u", "no list and no dict"),
        (b"(K\x01d", "a key has no value"),
        (b"X\x01\x00\x00\x00\xff", "a string is no UTF-8"),
        (b"Ix\n", "a number is none"),
        (b"NNR", "calls what is no function"),
        (b"cnumpy\ndtype\nNR", "has no arguments"),
        (b"cnumpy\nndarray\n)R", "other arguments"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(NK\x00NtR", "other arguments"),
        (b"]}b", "no state"),
        (b"])b", "another state"),
        (b"c_codecs\nencode\nX\x01\x00\x00\x00aU\x05utf-8\x86R", "not as latin1"),
        (b"c_codecs\nencode\nX\x03\x00\x00\x00\xe2\x82\xacU\x06latin1\x86R", "is not latin1"),
        (b"NN\x93", "by no string"),
        (b"S'text'\n", "protocol 0 or 1"),
        (b"\xff", "no such opcode"),
    ] {
        match Pickle::read(&pickle(&[pieces])) {
            Ok(pickle) => assert!(what.is_empty(), "{pieces:?}: {pickle:?}"),
            Err(error) => assert!(!what.is_empty() && error.to_string().contains(what), "{error}"),
        }
    }
    let begins: [&[u8]; 6] =
        [b"", b"\x80", b"\x80\x01.", b"\x80\x06.", b"(dp1\nS'a'\n", b"PK\x03\x04"];
    for bytes in begins {
        assert_eq!(Pickle::read(bytes).unwrap_err(), PickleError::NoPickle);
    }
}

#[test]
fn a_cut_pickle_is_too_short() {
    for bytes in PLAIN {
        for end in 2..bytes.len() {
            assert_eq!(Pickle::read(&bytes[..end]).unwrap_err(), PickleError::Truncated);
        }
    }
}

#[test]
fn sizes_that_the_file_does_not_have_take_no_memory() {
    let sizes: [&[u8]; 8] = [
        b"T\xff\xff\xff\xff",
        b"X\xff\xff\xff\x7f",
        b"\x8b\xff\xff\xff\xff",
        b"\x8a\xff",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x96\x00\x00\x00\x00\x00\x01\x00\x00",
        b"\x95\xff\xff\xff\xff\xff\xff\xff",
    ];
    for size in sizes {
        assert_eq!(Pickle::read(&pickle(&[size])).unwrap_err(), PickleError::Truncated);
    }
}

#[test]
fn depth_and_references_cost_nothing() {
    // [[[[…]]]], a list of itself, and a list that has two of the one before, 100,000 times over.
    let deep = [b"]".repeat(100_000), b"a".repeat(99_999)].concat();
    let twice = [b"]".as_slice(), &b"q\x00]h\x00ah\x00a".repeat(100_000)].concat();
    let opened = b"(".repeat(100_000);
    for pieces in [&deep[..], b"]q\x00h\x00a", &twice, &[&opened[..], b"N"].concat()] {
        let bytes = pickle(&[pieces]);
        let pickle = Pickle::read(&bytes).unwrap();
        assert_eq!(pickle.numbers(pickle.root), None);
        assert!(pickle.nodes.len() <= 100_001);
    }
}

#[test]
fn bytes_are_not_made_over_and_over() {
    let text = [b"X\xe8\x03\x00\x00".as_slice(), &[b'x'; 1000], b"q\x00"].concat();
    let encode = b"c_codecs\nencode\nh\x00U\x06latin1\x86R0";
    assert!(Pickle::read(&pickle(&[&text, encode])).is_ok());
    assert!(refusal(&[&text, encode, encode]).contains("more bytes than it has"));
}

#[test]
fn endless_pickles_are_refused() {
    assert!(refusal(&[&b"N0".repeat(1 << 21), b"N"]).contains("more than 4194304 parts"));
}

/// Opcodes with what follows them, so that random sequences come far.
fn any_step() -> impl Strategy<Value = Vec<u8>> {
    let whole: Vec<&[u8]> = vec![
        b"(",
        b")",
        b"]",
        b"}",
        b"N",
        b"\x88",
        b"K\x01",
        b"M\x02\x00",
        b"J\xff\xff\xff\xff",
        b"U\x01a",
        b"U\x02u1",
        b"X\x06\x00\x00\x00latin1",
        b"\x8c\x05numpy",
        b"\x8c\x07ndarray",
        b"\x8c\x05dtype",
        b"\x93",
        b"0",
        b"1",
        b"2",
        b"a",
        b"e",
        b"s",
        b"u",
        b"d",
        b"l",
        b"t",
        b"\x85",
        b"\x86",
        b"\x87",
        b"R",
        b"b",
        b"h\x00",
        b"h\x01",
        b"q\x00",
        b"q\x01",
        b"\x94",
        b"\x8a\x01\x05",
        b"G\x00\x00\x00\x00\x00\x00\x00\x00",
        b"c_codecs\nencode\n",
        b"cnumpy\nndarray\n",
        b"cnumpy._core.numeric\n_frombuffer\n",
        ARRAY,
        BYTE,
    ];
    prop_oneof![
        20 => prop::sample::select(whole).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ]
}

/// Reads `bytes` and asks for everything that CIFAR asks for.
fn read_all(bytes: &[u8]) {
    let Ok(mut pickle) = Pickle::read(bytes) else { return };
    for key in ["n", "s", "same", "a"] {
        if let Some(id) = pickle.get(key) {
            let _ = (pickle.numbers(id), pickle.strings(id));
            if let Some(array) = pickle.take_array(id) {
                assert_eq!(array.shape.iter().product::<usize>(), array.bytes.len());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutated_pickles_are_read_or_refused(
        which in 0..PLAIN.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = PLAIN[which].to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        read_all(&bytes);
    }

    #[test]
    fn any_sequence_of_steps_is_read_or_refused(steps in prop::collection::vec(any_step(), 0..60)) {
        read_all(&[b"\x80\x04".to_vec(), steps.concat(), b".".to_vec()].concat());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(&[b"\x80\x02", &bytes[..]].concat());
    }
}
