import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { canEnter, unprivilegedUser } from '../../../src/platform/postgres/embedded/system-user.js';

const ROOT = 'root:x:0:0:root:/root:/bin/bash';
const NOBODY = 'nobody:x:65000:65001::/:/bin/false';
const POSTGRES = 'postgres:x:101:104::/var/lib/postgresql:/bin/bash';

test.each([
  ['postgres where there is one', [ROOT, NOBODY, POSTGRES], { uid: 101, gid: 104 }],
  ['else nobody', [ROOT, NOBODY], { uid: 65000, gid: 65001 }],
  ['without either, nobody by convention', [ROOT], { uid: 65534, gid: 65534 }],
  ['an empty file', [], { uid: 65534, gid: 65534 }],
  ['a postgres that is root is none', [ROOT, 'postgres:x:0:0:::', NOBODY], { uid: 65000, gid: 65001 }],
  ['a damaged line is none', ['postgres', NOBODY], { uid: 65000, gid: 65001 }],
])('PostgreSQL runs as %s', (_case, lines, user) => {
  expect(unprivilegedUser(lines.join('\n'))).toEqual(user);
});

let top: string;
beforeAll(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'pointguard-enter-')));
  mkdirSync(join(top, 'inner'));
});
afterAll(() => rmSync(top, { recursive: true }));

const stranger = { uid: 54_321, gid: 54_321 };
const ofOurGroup = { uid: 54_321, gid: process.getgid?.() ?? 0 };
const ourselves = { uid: process.getuid?.() ?? 0, gid: 54_321 };

test.each([
  [0o755, 0o755, stranger, true],
  [0o711, 0o711, stranger, true],
  [0o700, 0o755, stranger, false],
  [0o755, 0o700, stranger, false],
  [0o750, 0o755, ofOurGroup, true],
  [0o705, 0o755, ofOurGroup, false],
  [0o700, 0o700, ourselves, true],
  [0o077, 0o755, ourselves, false],
  [0o000, 0o000, undefined, true],
])('modes %o and %o', (outer, inner, user, may) => {
  chmodSync(join(top, 'inner'), inner);
  chmodSync(top, outer);
  const entered = canEnter(user, join(top, 'inner'));
  chmodSync(top, 0o700);
  expect(entered).toBe(may);
});
