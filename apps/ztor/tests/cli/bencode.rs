//! Torrent files built value by value, with chosen defects.

/// A value to encode. Dictionaries keep the order of their entries.
#[derive(Clone)]
pub(crate) enum Value {
    Int(i64),
    Text(&'static str),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Dict(Vec<(&'static str, Value)>),
}

impl Value {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Int(n) => out.extend(format!("i{n}e").bytes()),
            Value::Text(text) => string(text.as_bytes(), out),
            Value::Bytes(bytes) => string(bytes, out),
            Value::List(items) => {
                out.push(b'l');
                items.iter().for_each(|item| item.write(out));
                out.push(b'e');
            }
            Value::Dict(entries) => {
                out.push(b'd');
                for (key, value) in entries {
                    string(key.as_bytes(), out);
                    value.write(out);
                }
                out.push(b'e');
            }
        }
    }
}

fn string(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(format!("{}:", bytes.len()).bytes());
    out.extend_from_slice(bytes);
}

/// Returns a valid single-file torrent of one 16 KiB piece, with some entries of `info` replaced or added.
pub(crate) fn torrent(changed: &[(&'static str, Value)]) -> Value {
    let mut info = vec![
        ("length", Value::Int(16_384)),
        ("name", Value::Text("file.bin")),
        ("piece length", Value::Int(16_384)),
        ("pieces", Value::Bytes(vec![7; 20])),
    ];
    for (key, value) in changed {
        match info.iter_mut().find(|(known, _)| known == key) {
            Some(entry) => entry.1 = value.clone(),
            None => info.push((*key, value.clone())),
        }
    }
    info.sort_by_key(|(key, _)| *key);
    Value::Dict(vec![("info", Value::Dict(info))])
}
