//! Snapshots: whole, damaged, forged and foreign ones.

use crate::buffer::{Buffer, ErrorPlace};
use crate::configs;
use crate::input::Input;
use crate::play::{Batch, STEP};
use marl_ffi::ffi::vec_env::{marl_vec_env_restore, marl_vec_env_snapshot};
use marl_ffi::Status;
use std::cell::RefCell;
use std::ptr::null_mut;

const RESTORE: [Status; 3] = [Status::SnapshotInvalid, Status::NullPointer, Status::InvalidArgument];

/// A batch, and what it was like before its first reset, after it, and a few steps later.
struct Prepared {
    batch: Batch,
    snapshots: Vec<Vec<u8>>,
}

thread_local! {
    static PREPARED: RefCell<Vec<Option<Prepared>>> = const { RefCell::new(Vec::new()) };
}

fn prepare(id: &str, config: &str, k: usize) -> Prepared {
    let mut batch = Batch::new(id, config, 1 + k % 3, 1, [0, 1, 0, 2][k % 4]);
    let mut snapshots = vec![take(&mut batch)];
    batch.reset(7);
    snapshots.push(take(&mut batch));
    for step in 0..4 {
        batch.step_fine(step);
    }
    snapshots.push(take(&mut batch));
    Prepared { batch, snapshots }
}

/// Restores one sequence of bytes and looks what became of the batch.
pub fn run(data: &[u8]) {
    let all = configs::all();
    PREPARED.with(|prepared| {
        let mut prepared = prepared.borrow_mut();
        prepared.resize_with(all.len(), || None);
        let mut input = Input::new(data);
        let which = input.below(all.len());
        let other = (which + input.below(2) * input.below(all.len())) % all.len();
        for k in [which, other] {
            if prepared[k].is_none() {
                prepared[k] = Some(prepare(all[k].0, all[k].1, k));
            }
        }
        let bytes = match &prepared[other] {
            Some(from) => damaged(from.snapshots[input.below(from.snapshots.len())].clone(), &mut input),
            None => Vec::new(),
        };
        if let Some(to) = &mut prepared[which] {
            restore(to, &bytes, other == which, &mut input);
        }
    });
}

fn restore(to: &mut Prepared, bytes: &[u8], own: bool, input: &mut Input) {
    let first = to.snapshots[input.below(3)].clone();
    put(&mut to.batch, &first);
    assert!(take(&mut to.batch) == first, "a snapshot that was restored is another");
    let held = Buffer::of(bytes);
    let mut err = ErrorPlace::new();
    // SAFETY: the handle lives, `bytes` are there.
    let status = unsafe { marl_vec_env_restore(to.batch.env, held.get().as_ptr(), bytes.len(), err.pointer()) };
    err.check("marl_vec_env_restore", status, &RESTORE);
    let now = take(&mut to.batch);
    if status != Status::Ok {
        assert!(now == first, "a refused snapshot changed something: {}", err.text());
        assert!(!to.snapshots.iter().any(|good| good == bytes), "a good snapshot was refused: {}", err.text());
        return;
    }
    assert!(own || now.len() == bytes.len(), "a foreign snapshot was taken");
    assert!(now.len() != bytes.len() || meaning(&now) == meaning(bytes), "restored is not what was in the snapshot");
    // Whatever it holds, nothing meets a bug.
    to.batch.look();
    for step in 0..1 + input.below(4) as u64 {
        let status = to.batch.try_step(step, input);
        assert!(status == Status::Ok || STEP.contains(&status), "{status:?}");
    }
    to.batch.roll(3);
    to.batch.reset(1);
    to.batch.step_fine(1);
}

/// The configuration and the rows of a good snapshot. A number in the configuration can be spelled in other digits.
fn meaning(bytes: &[u8]) -> (Option<serde_json::Value>, &[u8]) {
    let len = bytes[12..].first_chunk().map_or(0, |len| u32::from_le_bytes(*len) as usize);
    let (header, rows) = bytes[16..].split_at(len);
    (serde_json::from_slice(header).ok(), &rows[..rows.len() - 4])
}

/// Does to a snapshot what files suffer, and what forgers do.
fn damaged(mut bytes: Vec<u8>, input: &mut Input) -> Vec<u8> {
    match input.below(8) {
        0 => return bytes,
        1 => return input.bytes(400).to_vec(),
        2 => {
            bytes.truncate(input.below(bytes.len() + 1));
            if input.once_in(2) {
                return bytes;
            }
        }
        3 => {
            let version = (input.bits() as u32).to_le_bytes();
            bytes[8..12].copy_from_slice(&version);
        }
        4 => bytes.extend_from_slice(input.bytes(64)),
        5 => {
            // The length of the header.
            let len = input.pick(&[0, 1, 0x7fff_ffff, u32::MAX, bytes.len() as u32]).to_le_bytes();
            bytes[12..16].copy_from_slice(&len);
        }
        _ => {
            for _ in 0..1 + input.below(3) {
                let at = input.below(bytes.len());
                match input.below(3) {
                    0 => bytes[at] ^= 1 << input.below(8),
                    1 => bytes[at] = input.bits() as u8,
                    _ => {
                        let number = input.number().to_le_bytes();
                        let end = (at + 8).min(bytes.len());
                        bytes[at..end].copy_from_slice(&number[..end - at]);
                    }
                }
            }
        }
    }
    if !input.once_in(4) {
        // A right checksum: the damage has to be found, or do no harm.
        if let Some((body, crc)) = bytes.split_last_chunk_mut::<4>() {
            *crc = crc32fast::hash(body).to_le_bytes();
        }
    }
    bytes
}

fn put(batch: &mut Batch, bytes: &[u8]) {
    // SAFETY: the handle lives, `bytes` are there.
    let status = unsafe { marl_vec_env_restore(batch.env, bytes.as_ptr(), bytes.len(), null_mut()) };
    assert_eq!(status, Status::Ok, "a good snapshot was refused");
}

/// The snapshot of a batch.
pub fn take(batch: &mut Batch) -> Vec<u8> {
    let mut size = 0;
    // SAFETY: the handle lives; the size alone is asked for.
    let status = unsafe { marl_vec_env_snapshot(batch.env, null_mut(), 0, &mut size, null_mut()) };
    assert_eq!(status, Status::Ok);
    let mut out = vec![0; size];
    // SAFETY: `out` has room.
    let status = unsafe { marl_vec_env_snapshot(batch.env, out.as_mut_ptr(), size, &mut size, null_mut()) };
    assert_eq!(status, Status::Ok);
    out
}
