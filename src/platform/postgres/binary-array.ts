/**
 * Arrays in PostgreSQL's binary format, for `unnest` in the lane: `pg` sends a Buffer as a binary value, so one
 * parameter carries a whole column, without hex, quoting or a plan for each batch size.
 * Format: ndim, has-null flag, element oid, length, lower bound; then per element its length (−1: null) and bytes.
 */
type Encode<T> = (value: T) => Buffer;

function binaryArray<T>(oid: number, encode: Encode<T>): (values: readonly (T | null)[]) => Buffer {
  return (values) => {
    const parts = values.map((value) => (value === null ? null : encode(value)));
    const size = parts.reduce((sum, part) => sum + 4 + (part?.length ?? 0), 20);
    const out = Buffer.allocUnsafe(size);
    out.writeInt32BE(1, 0);
    out.writeInt32BE(parts.includes(null) ? 1 : 0, 4);
    out.writeInt32BE(oid, 8);
    out.writeInt32BE(values.length, 12);
    out.writeInt32BE(1, 16);
    let at = 20;
    for (const part of parts) {
      at = out.writeInt32BE(part ? part.length : -1, at);
      if (part) {
        out.set(part, at);
        at += part.length;
      }
    }
    return out;
  };
}

const int8 = (value: number): Buffer => {
  const out = Buffer.allocUnsafe(8);
  out.writeInt32BE(Math.floor(value / 4_294_967_296), 0);
  out.writeUInt32BE(value % 4_294_967_296 >= 0 ? value % 4_294_967_296 : (value % 4_294_967_296) + 4_294_967_296, 4);
  return out;
};
const int4 = (value: number): Buffer => {
  const out = Buffer.allocUnsafe(4);
  out.writeInt32BE(value, 0);
  return out;
};

export const int8Array = binaryArray<number>(20, int8);
export const int4Array = binaryArray<number>(23, int4);
export const textArray = binaryArray<string>(25, (value) => Buffer.from(value, 'utf8'));
export const byteaArray = binaryArray<Uint8Array>(17, (value) =>
  Buffer.from(value.buffer, value.byteOffset, value.byteLength),
);
export const uuidArray = binaryArray<string>(2950, (value) => Buffer.from(value.replaceAll('-', ''), 'hex'));

/** A `bytea` as it comes back in text results (`\x…`). */
export const byteaOf = (text: string): Buffer => Buffer.from(text.slice(2), 'hex');
