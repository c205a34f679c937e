//! Compression: gzip (RFC 1952) of one deflate block (RFC 1951) with the fixed Huffman codes.
//!
//! A body repeats the same names again and again, so that matches save most of it, and codes of its own would save
//! little more.

/// The longest body that is compressed.
pub const BODY_MAX: usize = 16 << 10;
/// Bits of a hash of three bytes.
const HASH_BITS: u32 = 11;
/// Earlier places that are compared for each match.
const CHAIN_MAX: usize = 32;
const MATCH_MIN: usize = 3;
/// A match of 258 bytes has a code of its own, for which this is one too short.
const MATCH_MAX: usize = 257;
/// No place.
const NONE: u16 = u16::MAX;
/// The code that ends the block.
const END_OF_BLOCK: u32 = 256;

/// The memory of the compression.
pub struct Gzip {
    /// The last place of each hash.
    heads: [u16; 1 << HASH_BITS],
    /// The place before each place that has the same hash.
    before: [u16; BODY_MAX],
}

/// Bits, the first one lowest, in a buffer of bytes.
struct Bits<'b> {
    buffer: &'b mut [u8],
    length: usize,
    /// Bits that do not fill a byte yet.
    rest: u32,
    count: u32,
    is_cut: bool,
}

impl Gzip {
    /// Memory of zeros.
    #[allow(clippy::large_stack_arrays, reason = "for static memory")]
    pub const EMPTY: Self = Self {
        heads: [0; 1 << HASH_BITS],
        before: [0; BODY_MAX],
    };

    /// Compresses a body to the start of a buffer, and returns the length; `None` if the body is longer than
    /// [`BODY_MAX`] or the buffer is too small.
    pub fn compress(&mut self, body: &[u8], buffer: &mut [u8]) -> Option<usize> {
        if body.len() > BODY_MAX {
            return None;
        }
        let mut bits = Bits {
            buffer,
            length: 0,
            rest: 0,
            count: 0,
            is_cut: false,
        };
        // Deflate, no flags, no time, no level, an unknown system.
        for byte in [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff] {
            bits.put(byte, 8);
        }
        // The last block, with fixed codes.
        bits.put(0b011, 3);
        self.put_block(body, &mut bits);
        bits.put_symbol(END_OF_BLOCK);
        bits.put(0, bits.count.wrapping_neg() & 7);
        for word in [crc(body), body.len() as u32] {
            bits.put(word & 0xffff, 16);
            bits.put(word >> 16, 16);
        }
        (!bits.is_cut).then_some(bits.length)
    }

    fn put_block(&mut self, body: &[u8], bits: &mut Bits) {
        self.heads.fill(NONE);
        let mut at = 0;
        while let Some(byte) = body.get(at) {
            let (length, distance) = self.longest_match(body, at);
            self.note(body, at);
            // A longer match that begins at the next byte saves more.
            let end = if length >= MATCH_MIN && self.longest_match(body, at + 1).0 <= length {
                bits.put_match(length, distance);
                at + length
            } else {
                bits.put_symbol((*byte).into());
                at + 1
            };
            for place in at + 1..end {
                self.note(body, place);
            }
            at = end;
        }
    }

    /// Returns the longest match at a place, and how far back it is.
    fn longest_match(&self, body: &[u8], at: usize) -> (usize, usize) {
        let (mut longest, mut distance) = (0, 0);
        let Some(hash) = hash(body, at) else {
            return (0, 0);
        };
        let ahead = body.get(at..).unwrap_or_default();
        let ahead = ahead.get(..MATCH_MAX).unwrap_or(ahead);
        let mut place = self.heads.get(hash).copied().unwrap_or(NONE);
        for _ in 0..CHAIN_MAX {
            let start = usize::from(place);
            let Some(earlier) = body.get(start..).filter(|_| start < at) else {
                break;
            };
            // A longer match differs from the longest one after its end.
            if earlier.get(longest) == ahead.get(longest) {
                let length = earlier.iter().zip(ahead).take_while(|(a, b)| a == b).count();
                if length > longest {
                    (longest, distance) = (length, at - start);
                }
            }
            place = self.before.get(start).copied().unwrap_or(NONE);
        }
        (longest, distance)
    }

    /// Notes the three bytes at a place for later matches.
    fn note(&mut self, body: &[u8], at: usize) {
        if let Some(head) = hash(body, at).and_then(|hash| self.heads.get_mut(hash))
            && let Some(before) = self.before.get_mut(at)
        {
            *before = core::mem::replace(head, at as u16);
        }
    }
}

impl Bits<'_> {
    /// Appends at most 16 bits, the lowest first.
    fn put(&mut self, value: u32, count: u32) {
        self.rest |= value << self.count;
        self.count += count;
        while self.count >= 8 {
            match self.buffer.get_mut(self.length) {
                Some(place) => {
                    *place = self.rest as u8;
                    self.length += 1;
                }
                None => self.is_cut = true,
            }
            self.rest >>= 8;
            self.count -= 8;
        }
    }

    /// Appends a Huffman code, the highest bit first.
    fn put_code(&mut self, code: u32, count: u32) {
        self.put(code.reverse_bits() >> (u32::BITS - count), count);
    }

    /// Appends a byte, the end of the block or a length (RFC 1951, section 3.2.6).
    fn put_symbol(&mut self, symbol: u32) {
        match symbol {
            ..144 => self.put_code(0x30 + symbol, 8),
            144..256 => self.put_code(0x190 + symbol - 144, 9),
            256..280 => self.put_code(symbol - 256, 7),
            _ => self.put_code(0xc0 + symbol - 280, 8),
        }
    }

    /// Appends a match (RFC 1951, section 3.2.5). From eight lengths and four distances on, codes are for twice as many
    /// of them after every fourth and every second code.
    fn put_match(&mut self, length: usize, distance: usize) {
        let length = (length - MATCH_MIN) as u32;
        let extra = length.max(4).ilog2() - 2;
        self.put_symbol(257 + 4 * extra + (length >> extra));
        self.put(length & ((1 << extra) - 1), extra);
        let distance = (distance - 1) as u32;
        let extra = distance.max(2).ilog2() - 1;
        self.put_code(2 * extra + (distance >> extra), 5);
        self.put(distance & ((1 << extra) - 1), extra);
    }
}

/// Returns the hash of the three bytes at a place.
fn hash(body: &[u8], at: usize) -> Option<usize> {
    let [a, b, c] = *body.get(at..)?.first_chunk()?;
    let word = u32::from_le_bytes([a, b, c, 0]);
    Some((word.wrapping_mul(0x9e37_79b1) >> (u32::BITS - HASH_BITS)) as usize)
}

/// Returns the check sum of RFC 1952.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc))
    })
}
