//! The characters that byte-level vocabularies write bytes as: printable ones as themselves, others from U+0100 on.

/// Writes a token's text as its bytes. `None` if some character stands for no byte.
pub(crate) fn bytes_of(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.clear();
    for c in str::from_utf8(text).ok()?.chars() {
        let byte = BYTES.get(c as usize)?;
        out.push(u8::try_from(*byte).ok()?);
    }
    Some(())
}

/// The byte of each character; 256 for those that stand for none.
const BYTES: [u16; 0x144] = {
    let mut bytes = [256; 0x144];
    let (mut byte, mut next) = (0, 0x100);
    while byte < 256 {
        let is_itself = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        if is_itself {
            bytes[byte] = byte as u16;
        } else {
            bytes[next] = byte as u16;
            next += 1;
        }
        byte += 1;
    }
    bytes
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_a_character() {
        let mut seen: Vec<u16> = BYTES.into_iter().filter(|byte| *byte < 256).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..256).collect::<Vec<u16>>());
        let mut out = Vec::new();
        bytes_of("ĠGrÃ¼Ã\u{178}eĊ".as_bytes(), &mut out);
        for (text, bytes) in [
            ("Ġa", Some(&b" a"[..])),
            ("Ã©", Some(b"\xc3\xa9")),
            ("Ċ", Some(b"\n")),
            (" ", None),
            ("你", None),
        ] {
            assert_eq!(
                bytes_of(text.as_bytes(), &mut out).map(|()| &out[..]),
                bytes
            );
        }
    }
}
