//! A name that is accepted can only be that of a file in the folder it is made in, and is accepted
//! as it is.

use salver::content::form_data::{self, Disposition};
use salver::content::upload_name::UploadName;

pub(crate) fn check(data: &[u8]) {
    let _ = form_data::boundary(data);
    let sent = match Disposition::parse(data) {
        Ok(Disposition { file_name: Some(name), .. }) => name,
        _ => data.to_vec(),
    };
    let Ok(name) = UploadName::parse(&sent) else { return };
    let bytes = name.as_bytes();
    assert!((1..=255).contains(&bytes.len()), "{name:?}");
    assert!(!bytes.iter().any(|&byte| matches!(byte, b'/' | b'\\' | 0..0x20 | 0x7f)), "{name:?}");
    assert_ne!(bytes[0], b'.', "hidden, or leading up");
    assert_eq!(UploadName::parse(bytes).as_ref(), Ok(&name));
}
