import { userInfo } from 'node:os';
import { expect, test } from 'vitest';
import { operator } from '../../../src/cli/with-access.js';

test('the operator is who runs the command', () => {
  expect(operator()).toEqual({ kind: 'person', id: userInfo().username });
});

test('a user without a name, as containers have, is named by number: the command goes on', () => {
  const nameless = () => {
    throw new Error('uv_os_get_passwd returned ENOENT');
  };
  expect(operator(nameless)).toEqual({ kind: 'person', id: `uid ${process.getuid?.()}` });
});
