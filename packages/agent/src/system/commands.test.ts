// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest';
import { runCommand } from './commands.ts';

test('a program gets its input and gives its output', async () => {
  const { stdout, status } = await runCommand('sh', ['-c', 'cat; exit 3'], { input: 'text', accept: [0, 3] });
  expect({ stdout, status }).toEqual({ stdout: 'text', status: 3 });
});

test('a failing program is an error in its own words', async () => {
  const failing = runCommand('sh', ['-c', 'echo no such luck >&2; exit 4']);
  await expect(failing).rejects.toThrow('ended with status 4: no such luck');
  await expect(failing).rejects.toMatchObject({ program: 'sh', status: 4, stderr: 'no such luck\n' });
});

test('a missing program and one that takes too long are errors', async () => {
  await expect(runCommand('fairlead-no-such-program', [])).rejects.toThrow('cannot be started');
  await expect(runCommand('sleep', ['10'], { timeoutMs: 50 })).rejects.toThrow('after 50 ms');
});

test('a program that does not read its input is no error', async () => {
  await expect(runCommand('true', [], { input: 'x'.repeat(1_000_000) })).resolves.toMatchObject({
    status: 0,
  });
});
