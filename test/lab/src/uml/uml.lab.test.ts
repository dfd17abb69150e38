// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Uml } from './uml.ts';

describe('user-mode Linux', () => {
  let uml: Uml;

  beforeAll(async () => {
    uml = await Uml.boot({ modules: ['ip_vs'] });
  });
  afterAll(() => uml.stop());

  it('is a kernel of its own, with modules that load by themselves', async () => {
    expect(uml.version).not.toBe(release());
    await uml.runOrThrow(['ipvsadm', '-A', '-t', '192.0.2.1:80', '-s', 'sed']);
    expect(await uml.runOrThrow(['ipvsadm', '-Sn'])).toBe('-A -t 192.0.2.1:80 -s sed\n');
    expect(await uml.runOrThrow(['cat', '/proc/modules'])).toMatch(/^ip_vs_sed /m);
  });

  it('has network namespaces, and leaves the machine alone', async () => {
    await uml.runOrThrow(['ip', 'netns', 'add', 'uml-host']);
    expect(await uml.runOrThrow(['ip', 'netns', 'list'])).toContain('uml-host');
    expect(existsSync('/run/netns/uml-host')).toBe(false);
    const { code, stderr } = await uml.run(['touch', '/etc/of-the-machine']);
    expect(code).toBe(1);
    expect(stderr).toContain('Read-only');
  });

  it('passes on input, output, errors and how programs end', async () => {
    const script = 'cat; echo wrong >&2; exit 3';
    const text = 'a long line '.repeat(2_000);
    expect(await uml.run(['sh', '-c', script], text)).toEqual({
      code: 3,
      signal: undefined,
      stdout: text,
      stderr: 'wrong\n',
    });
    expect(await uml.run(['no-such-program'])).toMatchObject({ code: 127 });
    const talker = uml.talk(['sh', '-c', 'while read word; do echo "$word?"; done']);
    expect([await talker.ask('one'), await talker.ask('two')]).toEqual(['one?', 'two?']);
    talker.kill();
    await expect(talker.line()).rejects.toThrow('SIGKILL');
  });
});
