//! Snapshots: all that a batch needs to go on, in the order of environments, so that the number of threads may
//! differ between saving and loading.
//!
//! ```text
//! "MARLSNAP" | version u32 | header length u32 | header JSON | columns | per environment: generators, seed,
//! phase, clock, returns | CRC-32 of all before        (little-endian)
//! ```

use super::block::Phase;
use super::environment::Environment;
use super::error::{Error, Result, Status};
use super::rng::Pcg64;
use super::vec_env::{AnyVecEnv, VecEnv};
use serde_json::{json, Value};

const MAGIC: &[u8; 8] = b"MARLSNAP";
const VERSION: u32 = 1;
const RNG_BYTES: usize = 40;

fn header<E: Environment>(venv: &VecEnv<E>) -> Value {
    let spec = venv.env.spec();
    let mode = venv.settings.autoreset.name();
    json!({ "id": spec.id, "num_envs": venv.num_envs(), "autoreset_mode": mode, "config": spec.config })
}

/// Bytes of one environment after the columns.
fn row_bytes<E: Environment>(venv: &VecEnv<E>) -> usize {
    2 * RNG_BYTES + 8 + 1 + 4 + 8 * venv.env.spec().agents.len()
}

/// Writes a snapshot.
pub fn save<E: Environment>(venv: &VecEnv<E>) -> Result<Vec<u8>> {
    let header = header(venv).to_string();
    let columns: usize = venv.env.spec().columns.iter().map(|column| column.row_bytes()).sum();
    let size = 20 + header.len() + (columns + row_bytes(venv)) * venv.num_envs();
    let mut out = Vec::new();
    out.try_reserve_exact(size).map_err(|_| super::columns::out_of_memory(size))?;
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&(header.len() as u32).to_le_bytes());
    out.extend_from_slice(header.as_bytes());
    for k in 0..venv.env.spec().columns.len() {
        for block in &venv.blocks {
            out.extend_from_slice(block.state.bytes(k).0);
        }
    }
    let agents = venv.env.spec().agents.len();
    for block in &venv.blocks {
        for row in 0..block.rows {
            out.extend_from_slice(&block.rngs[row].to_bytes());
            out.extend_from_slice(&block.action_rngs[row].to_bytes());
            out.extend_from_slice(&block.seeds[row].to_le_bytes());
            out.push(block.phases[row] as u8);
            out.extend_from_slice(&block.clock[row].to_le_bytes());
            out.extend_from_slice(bytemuck::cast_slice(&block.returns[row * agents..(row + 1) * agents]));
        }
    }
    out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
    Ok(out)
}

fn refuse(message: impl Into<String>) -> Error {
    Error::new(Status::SnapshotInvalid, format!("snapshot: {}", message.into()))
}

/// A cursor that answers None past the end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
}

/// What a snapshot says of one environment.
struct Row<'a> {
    rng: Pcg64,
    action_rng: Pcg64,
    seed: u64,
    phase: Phase,
    clock: u32,
    returns: &'a [u8],
}

fn read_row<'a>(reader: &mut Reader<'a>, agents: usize) -> Option<Row<'a>> {
    Some(Row {
        rng: Pcg64::from_bytes(&reader.array::<RNG_BYTES>()?)?,
        action_rng: Pcg64::from_bytes(&reader.array::<RNG_BYTES>()?)?,
        seed: u64::from_le_bytes(reader.array()?),
        phase: Phase::from_u8(reader.array::<1>()?[0])?,
        clock: u32::from_le_bytes(reader.array()?),
        returns: reader.take(agents * size_of::<f64>())?,
    })
}

/// Reads a snapshot into `venv`, or leaves it as it is.
pub fn load<E: Environment>(venv: &mut VecEnv<E>, bytes: &[u8]) -> Result<()> {
    let short = || refuse("truncated");
    let mut reader = Reader(bytes);
    if reader.take(8).ok_or_else(short)? != MAGIC {
        return Err(refuse("these bytes are no snapshot"));
    }
    let version = u32::from_le_bytes(reader.array().ok_or_else(short)?);
    if version != VERSION {
        return Err(refuse(format!("expected version {VERSION}, got {version}")));
    }
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or_else(short)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err(refuse("damaged or truncated: the checksum does not match"));
    }
    let header_len = u32::from_le_bytes(reader.array().ok_or_else(short)?) as usize;
    let found: Value = serde_json::from_slice(reader.take(header_len).ok_or_else(short)?)
        .map_err(|e| refuse(format!("unreadable header: {e}")))?;
    let expected = header(venv);
    for key in ["id", "num_envs", "autoreset_mode", "config"] {
        if found[key] != expected[key] {
            let of = |value: &Value| value[key].to_string().chars().take(200).collect::<String>();
            return Err(refuse(format!("of another {key}: expected {}, got {}", of(&expected), of(&found))));
        }
    }
    let spec = venv.env.spec();
    let mut columns = Vec::new();
    for column in &spec.columns {
        let bytes = reader.take(column.row_bytes() * venv.num_envs()).ok_or_else(short)?;
        columns.push((bytes, column.row_bytes()));
    }
    let agents = spec.agents.len();
    let rows = reader.0;
    for _ in 0..venv.num_envs() {
        read_row(&mut reader, agents).ok_or_else(|| refuse("impossible state"))?;
    }
    if reader.0.len() != 4 {
        return Err(refuse("longer than expected"));
    }

    // All rows were read once and found to be possible: none is refused any more, and nothing is kept of the first time.
    let mut reader = Reader(rows);
    for block in &mut venv.blocks {
        for (k, (bytes, row_bytes)) in columns.iter().enumerate() {
            let own = &bytes[block.first * row_bytes..(block.first + block.rows) * row_bytes];
            block.state.bytes_mut(k).0.copy_from_slice(own);
        }
        venv.env.forget(&mut block.state);
        for row in 0..block.rows {
            let saved = read_row(&mut reader, agents).ok_or_else(short)?;
            block.phases[row] = saved.phase;
            block.rngs[row] = saved.rng;
            block.action_rngs[row] = saved.action_rng;
            block.seeds[row] = saved.seed;
            block.clock[row] = saved.clock;
            let returns = &mut block.returns[row * agents..(row + 1) * agents];
            bytemuck::cast_slice_mut(returns).copy_from_slice(saved.returns);
        }
        block.count_phases();
    }
    Ok(())
}
