//! State of a batch in columns: one array per quantity, `(rows, width)`, 64-byte aligned.

use super::error::{Error, Result, Status};
use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

/// The type of the elements of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32-bit float.
    Float32,
    /// 64-bit float.
    Float64,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
    /// 32-bit unsigned integer.
    Uint32,
    /// 64-bit unsigned integer.
    Uint64,
    /// 8-bit unsigned integer; also booleans, 0 or 1.
    Uint8,
}

impl Dtype {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Dtype::Uint8 => 1,
            Dtype::Float32 | Dtype::Int32 | Dtype::Uint32 => 4,
            Dtype::Float64 | Dtype::Int64 | Dtype::Uint64 => 8,
        }
    }

    /// NumPy's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::Float32 => "float32",
            Dtype::Float64 => "float64",
            Dtype::Int32 => "int32",
            Dtype::Int64 => "int64",
            Dtype::Uint32 => "uint32",
            Dtype::Uint64 => "uint64",
            Dtype::Uint8 => "uint8",
        }
    }
}

/// A Rust type that is the element of arrays.
pub trait Element: Pod + Send + Sync + PartialEq {
    /// Its name to the outside.
    const DTYPE: Dtype;
}

impl Element for f32 {
    const DTYPE: Dtype = Dtype::Float32;
}
impl Element for f64 {
    const DTYPE: Dtype = Dtype::Float64;
}
impl Element for i32 {
    const DTYPE: Dtype = Dtype::Int32;
}
impl Element for i64 {
    const DTYPE: Dtype = Dtype::Int64;
}
impl Element for u32 {
    const DTYPE: Dtype = Dtype::Uint32;
}
impl Element for u64 {
    const DTYPE: Dtype = Dtype::Uint64;
}
impl Element for u8 {
    const DTYPE: Dtype = Dtype::Uint8;
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Zeroed, 64-byte aligned memory.
pub struct Aligned {
    lines: Vec<Line>,
    bytes: usize,
}

impl Aligned {
    /// Memory of `bytes` bytes; an error where it cannot be had.
    pub fn new(bytes: usize) -> Result<Self> {
        Ok(Aligned { lines: try_vec(bytes.div_ceil(64), Line([0; 64]))?, bytes })
    }

    /// The memory as elements of type `T`.
    pub fn get<T: Pod>(&self) -> &[T] {
        bytemuck::cast_slice(&bytemuck::cast_slice::<Line, u8>(&self.lines)[..self.bytes])
    }

    /// The memory as elements of type `T`, to write.
    #[inline(always)]
    pub fn get_mut<T: Pod>(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(&mut bytemuck::cast_slice_mut::<Line, u8>(&mut self.lines)[..self.bytes])
    }
}

/// The error for a request of `bytes` that memory has no room for.
pub fn out_of_memory(bytes: usize) -> Error {
    Error::new(Status::OutOfMemory, format!("memory: {bytes} bytes could not be had"))
}

/// An empty vector with room for `count` elements; an error where memory cannot be had.
pub fn try_room<T>(count: usize) -> Result<Vec<T>> {
    let mut all = Vec::new();
    all.try_reserve_exact(count).map_err(|_| out_of_memory(count.saturating_mul(size_of::<T>())))?;
    Ok(all)
}

/// A vector of `count` copies of `x`; an error where memory cannot be had.
pub fn try_vec<T: Clone>(count: usize, x: T) -> Result<Vec<T>> {
    let mut all = try_room(count)?;
    all.resize(count, x);
    Ok(all)
}

/// An error where memory has no room for `count` things of `bytes` each. For what is made of many small parts, each of
/// which would end the process where it cannot be had.
pub fn check_room(count: usize, bytes: usize) -> Result<()> {
    try_room::<u8>(count.saturating_mul(bytes)).map(drop)
}

/// One quantity of all rows.
struct Column {
    dtype: Dtype,
    width: usize,
    data: Aligned,
}

/// All quantities of a block of environments, in the order of the specification.
pub struct Columns(Vec<Column>);

impl Columns {
    /// Zeroed columns of the given types and widths (elements per row).
    pub fn new(rows: usize, kinds: impl IntoIterator<Item = (Dtype, usize)>) -> Result<Self> {
        let column = |(dtype, width): (Dtype, usize)| {
            let bytes = rows.checked_mul(width).and_then(|n| n.checked_mul(dtype.size()));
            let bytes = bytes.ok_or_else(|| out_of_memory(usize::MAX))?;
            Ok(Column { dtype, width, data: Aligned::new(bytes)? })
        };
        let mut columns = Vec::new();
        for kind in kinds {
            let column = column(kind)?;
            // So short that one hardly thinks of it, and yet what a process may die of.
            columns.try_reserve(1).map_err(|_| out_of_memory(size_of::<Column>()))?;
            columns.push(column);
        }
        Ok(Columns(columns))
    }

    /// Column `k`, `(rows, width)`.
    #[inline]
    pub fn get<T: Element>(&self, k: usize) -> &[T] {
        debug_assert_eq!(self.0[k].dtype, T::DTYPE);
        self.0[k].data.get()
    }

    /// Column `k`, to write.
    #[inline]
    pub fn get_mut<T: Element>(&mut self, k: usize) -> &mut [T] {
        debug_assert_eq!(self.0[k].dtype, T::DTYPE);
        self.0[k].data.get_mut()
    }

    /// The first columns, up to `N`; empty ones where there are fewer.
    #[inline]
    pub fn first<T: Element, const N: usize>(&self) -> [&[T]; N] {
        let mut columns = self.0.iter();
        std::array::from_fn(|_| columns.next().map(|column| column.data.get()).unwrap_or_default())
    }

    /// [`Columns::first`], to write.
    #[inline(always)]
    pub fn first_mut<T: Element, const N: usize>(&mut self) -> [&mut [T]; N] {
        let mut first: [&mut [T]; N] = std::array::from_fn(|_| Default::default());
        for (to, column) in first.iter_mut().zip(&mut self.0) {
            *to = column.data.get_mut();
        }
        first
    }

    /// The bytes of column `k` and how many belong to a row.
    pub fn bytes(&self, k: usize) -> (&[u8], usize) {
        (self.0[k].data.get(), self.0[k].width * self.0[k].dtype.size())
    }

    /// [`Columns::bytes`], to write.
    pub fn bytes_mut(&mut self, k: usize) -> (&mut [u8], usize) {
        let row_bytes = self.0[k].width * self.0[k].dtype.size();
        (self.0[k].data.get_mut(), row_bytes)
    }

    /// Takes over the content of columns of the same kinds.
    pub fn copy_from(&mut self, other: &Columns) {
        for (to, from) in self.0.iter_mut().zip(&other.0) {
            to.data.lines.clone_from(&from.data.lines);
        }
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is no column.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
