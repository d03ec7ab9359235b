import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { checkedKeyName, type KeyStore } from './key-store.js';
import { ownerOnlyDirectory, readIfThere, writeOnce } from './once-file.js';

/** Keys as files of mode 0600, one each, in `DATA_DIR/keys` of mode 0700, which is made where it is missing. */
export async function openFileKeyStore(dataDir: string): Promise<KeyStore> {
  const directory = join(dataDir, 'keys');
  await ownerOnlyDirectory(directory);
  // restored from a backup or copied by hand, it may have become readable
  await chmod(directory, 0o700);
  const pathOf = (name: string) => join(directory, checkedKeyName(name));
  return {
    get: (name) => readIfThere(pathOf(name)),
    create: (name, wrapped) => writeOnce(pathOf(name), wrapped),
    list: async (prefix) =>
      (await readdir(directory)).filter((name) => !name.startsWith('.') && name.startsWith(prefix)).sort(),
  };
}
