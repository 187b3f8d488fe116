//! What holds whatever is given.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_say_two_lines(bytes: Vec<u8>) {
        check_bytes(&bytes);
    }

    /// Closer to a real file: what it is made of, in any order.
    #[test]
    fn no_pieces_make_it_panic_or_say_two_lines(
        pieces in prop::collection::vec(piece(), 0..30)
    ) {
        check_bytes(format!("{{{}}}", pieces.concat()).as_bytes());
        check_bytes(pieces.concat().as_bytes());
    }

    #[test]
    fn no_text_makes_a_key_panic(key in 0..KEYS.len(), text: String) {
        // A name would be looked up.
        prop_assume!(KEYS[key].name != "host");
        let variable = KEYS[key].variable();
        if let Err(error) = environment(&[(&variable, &text)]) {
            prop_assert!(!error.to_string().contains(char::is_control));
        }
    }

    /// What is shown is taken back and means the same.
    #[test]
    fn what_is_shown_is_read_as_the_same(seconds in 0.001..86_400.0_f64, size in 1..1_u64 << 20) {
        let text = format!("{{\"header_timeout\": {seconds}, \"cache_max_size\": {size}}}");
        let config = file(&text).unwrap().config;
        for key in ["header_timeout", "cache_max_size"] {
            let key = find(key).unwrap();
            let again = file(&format!("{{\"{}\": {}}}", key.name, key.show(&config))).unwrap();
            prop_assert_eq!(key.show(&again.config), key.show(&config));
        }
    }
}

fn check_bytes(bytes: &[u8]) {
    if let Err(error) = file::apply(&mut Loaded::default(), Path::new("c"), bytes) {
        assert!(!error.to_string().contains(char::is_control), "{error:?}");
    }
}

fn piece() -> impl Strategy<Value = String> {
    let keys: Vec<_> = KEYS.iter().map(|key| key.name).filter(|name| *name != "host").collect();
    prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(":".to_owned()),
        Just(",".to_owned()),
        Just("\n".to_owned()),
        Just("// \n".to_owned()),
        Just("/*".to_owned()),
        Just("\"\\ud800\"".to_owned()),
        Just("null".to_owned()),
        any::<f64>().prop_map(|number| number.to_string()),
        "\"[a-z0-9*/:. -]{0,12}\"",
        prop::sample::select(keys).prop_map(|key| format!("\"{key}\":")),
    ]
}
