//! Lines that are encoded before they are sent. On a stream the lines of a piece have arrived when all its bytes are
//! acknowledged.

use super::http::HEAD_MAX;
use super::{Context, Sender, Step};
use crate::base::text::Text;
use crate::encode::gzip::{BODY_MAX, Gzip};
use crate::encode::{Encoder, Encoding, Pushed, Starts};
use crate::platform::LogArg;
use crate::ring::{Batch, Bounds};

/// Pieces that may be in flight on a stream.
const PIECES_MAX: usize = 32;

/// The large memory of a sender.
pub struct Memory {
    encoder: Encoder,
    /// The body.
    pub(super) body: [u8; BODY_MAX],
    /// The head of a request.
    pub(super) head: [u8; HEAD_MAX],
    gzip: Gzip,
    /// A body that is being compressed.
    packed: [u8; BODY_MAX / 2],
}

/// A piece of encoded lines that the connection has.
#[derive(Clone, Copy)]
struct Piece {
    /// Where it ends among all bytes of the connection.
    end: u64,
    /// Bytes of its lines in the ring.
    bytes: usize,
}

/// The body, and the pieces that are in flight.
pub(super) struct Encoded {
    /// The part of the body that has not been sent.
    pub start: usize,
    pub end: usize,
    pieces: [Piece; PIECES_MAX],
    count: usize,
}

impl Memory {
    /// Memory that nothing has been encoded to.
    pub const EMPTY: Self = Self {
        encoder: Encoder::NEW,
        body: [0; BODY_MAX],
        head: [0; HEAD_MAX],
        gzip: Gzip::EMPTY,
        packed: [0; BODY_MAX / 2],
    };
}

impl Encoded {
    /// No body.
    pub(super) const NONE: Self = Self {
        start: 0,
        end: 0,
        pieces: [Piece { end: 0, bytes: 0 }; PIECES_MAX],
        count: 0,
    };

    /// Forgets the body and the pieces: their lines are unsent.
    pub(super) fn clear(&mut self) {
        (self.start, self.end, self.count) = (0, 0, 0);
    }

    /// Whether pieces are in flight.
    pub(super) fn has_pieces(&self) -> bool {
        self.count > 0
    }

    fn push(&mut self, piece: Piece) {
        if let Some(slot) = self.pieces.get_mut(self.count) {
            *slot = piece;
            self.count += 1;
        }
    }

    /// Removes the pieces before a byte of the connection; returns the bytes in the ring of the lines of the others.
    pub(super) fn acknowledge(&mut self, acknowledged: u64) -> u64 {
        let pieces = self.pieces.get_mut(..self.count).unwrap_or_default();
        let arrived = pieces
            .iter()
            .take_while(|piece| piece.end <= acknowledged)
            .count();
        pieces.rotate_left(arrived);
        self.count -= arrived;
        let left = self.pieces.iter().take(self.count);
        left.map(|piece| piece.bytes as u64).sum()
    }

    /// Encodes a batch of unsent lines that are wanted, of at most a quarter of the ring, and marks them as sent, the others too. Lines that are none as the
    /// agent writes them are left out.
    pub(super) fn encode(
        &mut self,
        memory: &mut Memory,
        encoding: Option<Encoding>,
        mut bounds: Bounds,
        wants: &mut dyn FnMut(&[u8]) -> bool,
        cx: &mut Context,
    ) -> Batch {
        let mut body = Text::new(&mut memory.body);
        let encoder = &mut memory.encoder;
        begin(encoder, encoding, cx.targets.starts, &mut body);
        bounds.bytes = bounds.bytes.min(cx.ring.memory_length() / 4);
        let mut count = 0;
        let batch = cx.ring.batch(bounds, &mut |line| {
            let pushed = if wants(line) {
                push(encoder, encoding, &mut body, line)
            } else {
                Pushed::Invalid
            };
            count += usize::from(pushed == Pushed::Whole);
            pushed != Pushed::Full
        });
        let end = body.bytes().len();
        self.finish(memory, encoding, count, end);
        cx.ring.mark_sent(batch.bytes);
        batch
    }

    /// Encodes one line.
    pub(super) fn encode_line(
        &mut self,
        memory: &mut Memory,
        encoding: Option<Encoding>,
        line: &[u8],
        starts: Starts,
    ) {
        let mut body = Text::new(&mut memory.body);
        begin(&mut memory.encoder, encoding, starts, &mut body);
        let pushed = push(&mut memory.encoder, encoding, &mut body, line);
        let end = body.bytes().len();
        self.finish(memory, encoding, usize::from(pushed == Pushed::Whole), end);
    }

    /// Compresses the body; returns whether that has saved anything.
    pub(super) fn compress(&mut self, memory: &mut Memory) -> bool {
        let body = memory.body.get(self.start..self.end).unwrap_or_default();
        let limit = memory.packed.len().min(body.len());
        let packed = memory.packed.get_mut(..limit).unwrap_or_default();
        let Some(length) = memory.gzip.compress(body, packed) else {
            return false;
        };
        let (Some(place), Some(packed)) = (memory.body.get_mut(..length), packed.get(..length)) else {
            return false;
        };
        place.copy_from_slice(packed);
        (self.start, self.end) = (0, length);
        true
    }

    /// Ends a body of `count` lines; one without lines is empty.
    fn finish(&mut self, memory: &mut Memory, encoding: Option<Encoding>, count: usize, end: usize) {
        (self.start, self.end) = (0, 0);
        if count > 0 {
            let body = memory.body.get_mut(..end).unwrap_or_default();
            self.start = encoding.map_or(0, |_| memory.encoder.finish(body));
            self.end = end;
        }
    }
}

fn begin(encoder: &mut Encoder, encoding: Option<Encoding>, starts: Starts, body: &mut Text) {
    if let Some(encoding) = encoding {
        encoder.begin(encoding, starts, body);
    }
}

/// Appends a line, as it is without an encoding.
fn push(encoder: &mut Encoder, encoding: Option<Encoding>, body: &mut Text, line: &[u8]) -> Pushed {
    if encoding.is_some() {
        return encoder.push(body, line);
    }
    if body.free() < line.len() {
        return Pushed::Full;
    }
    body.put(line);
    Pushed::Whole
}

impl Sender {
    /// Sends encoded lines on a stream, until it takes no more. What is left of an earlier body comes first.
    pub(super) fn write_encoded(&mut self, encoding: Option<Encoding>, cx: &mut Context) -> Step {
        self.is_stalled = false;
        for _ in 0..super::connected::CALLS_MAX {
            if self.encoded.start == self.encoded.end {
                // A full table is shortened at the next flush.
                if self.is_paused || self.encoded.count == PIECES_MAX || encoding.is_none() {
                    return Step::Wait;
                }
                let batch = self
                    .encoded
                    .encode(self.memory, encoding, Bounds::NONE, &mut |_| true, cx);
                if batch.lines == 0 {
                    return Step::Wait;
                }
                let length = self.encoded.end - self.encoded.start;
                let end = self.taken + length as u64;
                self.encoded.push(Piece {
                    end,
                    bytes: batch.bytes,
                });
            }
            let Encoded { start, end, .. } = self.encoded;
            let rest = self.memory.body.get(start..end).unwrap_or_default();
            let length = rest.len();
            let taken = match cx.platform.send(&[rest]) {
                Ok(taken) => taken,
                Err(cause) => return self.on_lost(b"flush error: write ", cause, cx),
            };
            self.note_taken(taken, cx.now);
            self.encoded.start += taken;
            if cx.targets.debug {
                let counts = [LogArg::Number(taken as u64), LogArg::Number(length as u64)];
                cx.platform.log("flush: % of % bytes", &counts);
            }
            if taken < length {
                break;
            }
        }
        self.is_stalled = self.encoded.start < self.encoded.end || cx.ring.unsent_length() > 0;
        Step::Wait
    }
}
