//! Containers with something changed in them.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod folder;

/// The container with its header's JSON edited and its length put right.
pub(crate) fn edited(bytes: &[u8], edit: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let mut json = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    edit(&mut json);
    let json = json.to_string();
    let mut out = (json.len() as u64).to_le_bytes().to_vec();
    out.extend(json.as_bytes());
    out.extend(&bytes[8 + length..]);
    out
}

/// The container with its metadata edited and the metadata's checksum put right.
pub(crate) fn with_metadata(bytes: &[u8], key: &str, value: Option<&str>) -> Vec<u8> {
    edited(bytes, |json| {
        let entries = json["__metadata__"].as_object_mut().unwrap();
        match value {
            Some(value) => entries.insert(key.into(), value.into()),
            None => entries.remove(key),
        };
        entries.remove("metadata_crc32");
        // The object's keys are in byte order.
        let text = entries.iter().fold(String::new(), |text, (key, value)| {
            format!("{text}{key}\0{}\0", value.as_str().unwrap())
        });
        let crc = format!("{:08x}", crc32fast::hash(text.as_bytes()));
        entries.insert("metadata_crc32".into(), crc.into());
    })
}

/// Where the tensors start.
pub(crate) fn data_start(bytes: &[u8]) -> usize {
    8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize
}

/// The container with bytes of a tensor edited and all checksums put right.
pub(crate) fn with_tensor(bytes: &[u8], tensor: &str, edit: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let start = data_start(&bytes);
    let json: serde_json::Value = serde_json::from_slice(&bytes[8..start]).unwrap();
    let offset = |value: &serde_json::Value, i: usize| {
        start + value["data_offsets"][i].as_u64().unwrap() as usize
    };
    let place = &json[tensor];
    edit(&mut bytes[offset(place, 0)..offset(place, 1)]);
    let tensors = json.as_object().unwrap().iter();
    let mut places: Vec<_> = tensors
        .filter(|(name, _)| *name != "__metadata__")
        .map(|(_, place)| (offset(place, 0), offset(place, 1)))
        .collect();
    places.sort_unstable();
    let crc = |bytes: &[u8]| format!("{:08x}", crc32fast::hash(bytes));
    let checksums = places.into_iter().map(|(from, to)| crc(&bytes[from..to]));
    let sealed = with_metadata(&bytes, "crc32", Some(&checksums.collect::<String>()));
    if json["__metadata__"]["blocks_crc32"].is_null() {
        return sealed;
    }
    // Blocks of a table are the greatest power of two of rows in 64 KiB.
    let table = &bytes[offset(&json["embed"], 0)..offset(&json["embed"], 1)];
    let row_bytes = table.len() / json["embed"]["shape"][0].as_u64().unwrap() as usize;
    let rows = 1 << ((1usize << 16) / row_bytes).ilog2();
    let blocks: String = table.chunks(rows * row_bytes).map(crc).collect();
    with_metadata(&sealed, "blocks_crc32", Some(&blocks))
}
