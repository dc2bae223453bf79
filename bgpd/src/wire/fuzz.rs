//! The property that a fuzzer tries to break: whatever octets arrive, reading them ends,
//! without a panic, within bounds; and what was read can be written and read again. The
//! fuzz target in `tests/fuzz` and a bounded test here call `decode_anything`.

use super::family::FAMILIES;
use super::update::{DecodeContext, SessionKind};
use super::{Decoder, FrameDecoder, Message};
use bytes::BytesMut;

/// Reads `input` as the stream of a session. The first octet chooses what was negotiated.
/// Gives how many messages were read before the end or the first fatal error.
pub fn decode_anything(input: &[u8]) -> usize {
    let Some((&choice, stream)) = input.split_first() else { return 0 };
    let families: Vec<_> = FAMILIES.iter().map(|row| row.family).collect();
    let context = DecodeContext {
        four_octet_as: choice & 1 == 0,
        add_path: if choice & 2 == 0 { Vec::new() } else { families.clone() },
        extended_next_hop: choice & 32 != 0,
        families: if choice & 4 == 0 { families } else { Vec::new() },
        kind: if choice & 8 == 0 { SessionKind::Internal } else { SessionKind::External },
        max_length: if choice & 16 == 0 { 4096 } else { u16::MAX },
    };
    let mut frames = FrameDecoder::new();
    frames.set_max_length(context.max_length);
    let mut decoder = Decoder::new(context);
    let mut buffer = BytesMut::from(stream);
    let mut count = 0;
    while let Ok(Some(frame)) = frames.next_frame(&mut buffer) {
        let Ok((message, issues)) = decoder.decode(&frame) else { break };
        debug_assert!(issues.len() <= 16);
        touch(&message);
        count += 1;
    }
    count
}

/// Uses what was read, as the RIB and the log would.
fn touch(message: &Message) {
    match message {
        Message::Update(update) => {
            for block in update.reach.iter().chain(&update.unreach) {
                let taken: usize =
                    block.iter().map(|(_, nlri)| nlri.len() + if block.add_path { 4 } else { 0 }).sum();
                debug_assert_eq!(taken, block.wire.len());
            }
        }
        Message::Notification(notification) => {
            let _ = notification.to_string();
        }
        Message::Open(_) | Message::Keepalive | Message::RouteRefresh(_) => {}
    }
}
