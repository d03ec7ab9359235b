import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const isCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException | null)?.code === code;

/** The bytes of a file, or undefined where there is none. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * Writes a file that only its owner may read, whole and durable or not at all. Where two processes do so at once, the
 * link decides: one wins, and both answer the winner's bytes.
 */
export async function writeOnce(path: string, bytes: Uint8Array): Promise<Buffer> {
  const directory = dirname(path);
  // begins with a dot: what a crash leaves behind is no key
  const draft = join(directory, `.${basename(path)}.${randomBytes(8).toString('hex')}`);
  await writeDurably(draft, bytes);
  try {
    await link(draft, path);
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(draft, { force: true });
  }
  // the loser too: it is about to use a key whose name its winner may not have made durable yet
  await syncDirectory(directory);
  return await readFile(path);
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Makes a directory that only its owner may enter; parents get the mode that the process gives by default. */
export async function ownerOnlyDirectory(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    if (!isCode(error, 'EEXIST')) throw error;
  });
}
