//! RC4, as encrypted connections use it.

use std::fmt;

/// Number of key stream bytes to discard, because the first ones leak the key.
const DISCARDED: usize = 1024;

/// The stream cipher for one direction of a connection. Encryption and decryption are the same.
///
/// Written here because it limits the speed of encrypted transfers: 0.88 GB/s on a machine where the `rc4` crate
/// reaches 0.66. Table entries are 32 bits wide, and eight bytes of the key stream are combined with the data at a
/// time.
#[derive(Clone)]
pub struct Rc4 {
    table: [u32; 256],
    i: u8,
    j: u8,
}

impl Rc4 {
    /// Creates a cipher and discards its first 1024 bytes. An empty key equals a single zero byte.
    pub fn new(key: &[u8]) -> Self {
        let mut cipher = Self::raw(key);
        cipher.apply(&mut [0; DISCARDED]);
        cipher
    }

    /// Creates a cipher without discarding bytes.
    pub(super) fn raw(key: &[u8]) -> Self {
        let key = if key.is_empty() { &[0] } else { key };
        let mut table: [u32; 256] = std::array::from_fn(|i| i as u32);
        let mut j = 0u8;
        for (i, byte) in (0..256).zip(key.iter().cycle()) {
            j = j.wrapping_add(table[i] as u8).wrapping_add(*byte);
            table.swap(i, usize::from(j));
        }
        Self { table, i: 0, j: 0 }
    }

    /// Encrypts or decrypts in place.
    pub fn apply(&mut self, data: &mut [u8]) {
        let (words, rest) = data.as_chunks_mut::<8>();
        let (mut i, mut j) = (self.i, self.j);
        let table = &mut self.table;
        let mut next = || {
            i = i.wrapping_add(1);
            let x = table[usize::from(i)];
            j = j.wrapping_add(x as u8);
            let y = table[usize::from(j)];
            table[usize::from(i)] = y;
            table[usize::from(j)] = x;
            table[(x.wrapping_add(y) & 0xff) as usize]
        };
        for word in words {
            let mut stream = 0;
            for at in 0..8 {
                stream |= u64::from(next()) << (8 * at);
            }
            *word = (u64::from_le_bytes(*word) ^ stream).to_le_bytes();
        }
        for byte in rest {
            *byte ^= next() as u8;
        }
        (self.i, self.j) = (i, j);
    }
}

impl fmt::Debug for Rc4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rc4")
    }
}

/// Both directions of a connection after its handshake.
#[derive(Debug)]
pub struct Ciphers {
    send: Option<Box<Rc4>>,
    recv: Option<Box<Rc4>>,
    /// Number of bytes still to receive that are encrypted although the method is plain: the caller's initial payload.
    /// `None` if the method is RC4.
    recv_left: Option<usize>,
}

impl Ciphers {
    pub(super) fn rc4(send: Rc4, recv: Rc4) -> Self {
        Self { send: Some(Box::new(send)), recv: Some(Box::new(recv)), recv_left: None }
    }

    pub(super) fn plain_after(recv: Rc4, bytes: usize) -> Self {
        Self { send: None, recv: (bytes > 0).then(|| Box::new(recv)), recv_left: Some(bytes) }
    }

    /// Returns true if nothing is encrypted from here on, in either direction.
    pub fn are_plain(&self) -> bool {
        self.send.is_none() && self.recv.is_none()
    }

    /// Encrypts the next outgoing bytes.
    pub fn encrypt(&mut self, data: &mut [u8]) {
        if let Some(cipher) = &mut self.send {
            cipher.apply(data);
        }
    }

    /// Decrypts the next received bytes.
    pub fn decrypt(&mut self, data: &mut [u8]) {
        let Some(cipher) = &mut self.recv else { return };
        match &mut self.recv_left {
            None => cipher.apply(data),
            Some(left) => {
                let len = data.len().min(*left);
                cipher.apply(&mut data[..len]);
                *left -= len;
                if *left == 0 {
                    self.recv = None;
                }
            }
        }
    }
}
