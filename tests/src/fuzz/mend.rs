//! Files that were damaged, put right as far as a loader's message says how: most mutations of a file break a checksum, a
//! length or a code, and would never reach what lies behind.

use atome::LoadError;
use atome::error::{Contents, FileError, TensorFault};
use atome_kernels::packing::PackError;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The longest file that is read.
pub(super) const MAX_FILE_BYTES: usize = 16 << 10;
/// Faults that are mended in one file.
const MAX_FAULTS: usize = 64;

/// Reads a file; mends what the loader names, and reads it again. `seal` puts checksums right.
///
/// Returns what was read at last, if anything was.
pub(super) fn read<T>(
    mut bytes: Vec<u8>,
    seal: fn(&mut Vec<u8>),
    read: impl Fn(&[u8]) -> Result<T, LoadError>,
) -> Option<T> {
    for _ in 0..MAX_FAULTS {
        match read(&bytes) {
            Ok(model) => return Some(model),
            Err(error) => {
                super::one_line(&error);
                let LoadError::File(error) = error else {
                    return None;
                };
                mend(&mut bytes, error.fault())?;
                seal(&mut bytes);
            }
        }
    }
    None
}

/// Nothing to be put right.
pub(super) fn no_checksums(_: &mut Vec<u8>) {}

/// Mends a fault that has a place in the file.
///
/// # Panics
/// If the place is outside of it.
fn mend(bytes: &mut Vec<u8>, fault: &FileError) -> Option<()> {
    match fault {
        FileError::Truncated {
            offset, expected, ..
        } => {
            let length = usize::try_from(offset.checked_add(*expected)?).ok()?;
            assert!(length > bytes.len(), "{fault}: {} bytes", bytes.len());
            (length <= MAX_FILE_BYTES).then(|| bytes.resize(length, 0))
        }
        FileError::TrailingBytes { expected, .. } => {
            let length = usize::try_from(*expected).expect("inside the file");
            assert!(length < bytes.len(), "{fault}: {} bytes", bytes.len());
            bytes.truncate(length);
            Some(())
        }
        FileError::Tensor { fault: of, .. } => mend_tensor(bytes, of, fault),
        _ => None,
    }
}

fn mend_tensor(bytes: &mut [u8], of: &TensorFault, fault: &FileError) -> Option<()> {
    match of {
        TensorFault::Header {
            offset, expected, ..
        } => write(bytes, *offset, expected.to_le_bytes(), fault),
        TensorFault::Scale { offset, .. } => write(bytes, *offset, 1.5f32.to_le_bytes(), fault),
        // Zeros are a number in every type; an element of two bytes takes the one after it along.
        TensorFault::NotFinite { offset, .. } => {
            let last = bytes.len() as u64 - 2;
            write(bytes, *offset, [0; 2], fault)?;
            write(bytes, (*offset + 2).min(last), [0; 2], fault)
        }
        TensorFault::Byte {
            expected,
            offset,
            byte,
        } => {
            let found = bytes.get(usize::try_from(*offset).ok()?);
            assert_eq!(found, Some(byte), "{fault}");
            write(bytes, *offset, [good_byte(*expected, *byte)], fault)
        }
        TensorFault::Words {
            offset,
            cause: PackError::Code { word, bits } | PackError::Padding { word, bits },
        } => write(bytes, *offset + 4 * *word as u64, good_word(*bits), fault),
        TensorFault::Block {
            expected, found, ..
        } => state_block(bytes, *expected, *found),
        _ => None,
    }
}

/// Zeros in the one packing, or in the other if those were refused.
fn good_word(bits: u32) -> [u8; 4] {
    const INT2: u32 = 0x5555_5555;
    if bits == INT2 { 0u32 } else { INT2 }.to_le_bytes()
}

/// A byte that a loader takes in place of one that it refused.
fn good_byte(expected: Contents, refused: u8) -> u8 {
    match expected {
        // Five codes of 0.
        Contents::ZeroTrits(_) if refused > 0 => 0,
        Contents::ZeroTrits(_) => 121,
        // Three trits 0 and a +1.
        Contents::Int2 => 1,
        Contents::Base3 => 100,
        Contents::Bit2 => 0b0101_0110,
        _ => 0,
    }
}

fn write<const N: usize>(
    bytes: &mut [u8],
    offset: u64,
    with: [u8; N],
    fault: &FileError,
) -> Option<()> {
    let offset = usize::try_from(offset).expect("inside the file");
    let place = bytes.get_mut(offset..).and_then(|b| b.first_chunk_mut());
    *place.unwrap_or_else(|| panic!("outside of the file: {fault}")) = with;
    Some(())
}

/// Puts the lengths and the checksums of a container right, if its header can be read at all. What the header says stays
/// byte for byte, but for the digits of the checksums and the blanks at its end.
pub(super) fn seal(bytes: &mut Vec<u8>) {
    if let Some(sealed) = sealed(bytes) {
        *bytes = sealed;
    }
}

fn sealed(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = bytes.get(8..).filter(|text| text.starts_with(b"{"))?;
    let mut headers = serde_json::Deserializer::from_slice(text).into_iter::<Map<String, Value>>();
    let header = headers.next()?.ok()?;
    let (json, rest) = text.split_at(headers.byte_offset());
    let blanks = rest.iter().take_while(|&&byte| byte == b' ').count();
    let (mut json, mut data) = (json.to_vec(), rest[blanks.min(255)..].to_vec());

    let mut places: Vec<(usize, usize)> = header
        .iter()
        .filter(|(name, _)| *name != "__metadata__")
        .map(|(_, entry)| {
            let offset = |i: usize| usize::try_from(entry["data_offsets"][i].as_u64()?).ok();
            Some((offset(0)?, offset(1)?))
        })
        .collect::<Option<_>>()?;
    places.sort_unstable();
    let end = places.iter().map(|place| place.1).max().unwrap_or(0);
    if json.len().saturating_add(end) > MAX_FILE_BYTES {
        return None;
    }
    data.resize(end, 0);
    let sums: Option<String> = places
        .into_iter()
        .map(|(from, to)| Some(format!("{:08x}", crc32fast::hash(data.get(from..to)?))))
        .collect();
    if let Some(Value::Object(metadata)) = header.get("__metadata__") {
        seal_metadata(&mut json, metadata, &sums?)?;
    }

    // Tensors that are as kernels read them start at a multiple of 256, others at one of 8.
    let packed = json.windows(7).any(|word| word == b"\"tiled\"");
    let length = (8 + json.len()).next_multiple_of(if packed { 256 } else { 8 }) - 8;
    json.resize(length, b' ');
    let mut sealed = (length as u64).to_le_bytes().to_vec();
    sealed.extend(json);
    sealed.extend(data);
    Some(sealed)
}

/// Writes the checksums of the tensors, and then that of all entries, into the header's text.
fn seal_metadata(json: &mut Vec<u8>, metadata: &Map<String, Value>, sums: &str) -> Option<()> {
    let mut entries: BTreeMap<&str, &str> = metadata
        .iter()
        .map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .collect::<Option<_>>()?;
    if entries.contains_key("crc32") {
        replace(json, "crc32", sums)?;
        entries.insert("crc32", sums);
    }
    entries.remove("metadata_crc32")?;
    let text = entries
        .into_iter()
        .fold(String::new(), |text, (k, v)| format!("{text}{k}\0{v}\0"));
    let sum = format!("{:08x}", crc32fast::hash(text.as_bytes()));
    replace(json, "metadata_crc32", &sum)
}

/// Has the header say that the block of a table has the checksum that was found.
fn state_block(bytes: &mut [u8], expected: u32, found: u32) -> Option<()> {
    let key = b"\"blocks_crc32\":\"";
    let at = bytes.windows(key.len()).position(|w| w == key)? + key.len();
    let mut sums = bytes[at..].as_chunks_mut::<8>().0.iter_mut();
    let sum = sums.find(|sum| **sum == *format!("{expected:08x}").as_bytes())?;
    sum.copy_from_slice(format!("{found:08x}").as_bytes());
    Some(())
}

/// Replaces the text that a key has.
fn replace(json: &mut Vec<u8>, key: &str, value: &str) -> Option<()> {
    let key = format!("\"{key}\":\"");
    let at = json.windows(key.len()).position(|w| w == key.as_bytes())? + key.len();
    let length = json[at..].iter().position(|&byte| byte == b'"')?;
    json.splice(at..at + length, value.bytes());
    Some(())
}
