// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { parseTranscript } from './transcript.ts';

/*
 * The guides against what the lab follows: every command of a block marked `sh` is in the guide's transcript, in the same
 * order. Blocks that no lab can follow say so: `sh not-in-the-lab`.
 */

const REPOSITORY = fileURLToPath(new URL('../../../..', import.meta.url));

/** Commands of a page, lines that go on joined as a transcript has them. */
function commandsOf(page: string): readonly string[] {
  return [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
    block
      .replaceAll('\\\n', '\\\u0000')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.replaceAll('\u0000', '\n')),
  );
}

describe.each([
  ['docs/install-kind.md', 'kind.console'],
  ['docs/install-k3s.md', 'k3s.console'],
  ['docs/install-kubeadm.md', 'kubeadm.console', 'kubeadm-join.console'],
  ['docs/getting-started.md', 'getting-started.console'],
  ['README.md', 'newcomer.console'],
])('%s', (guide, ...transcripts) => {
  const page = readFileSync(join(REPOSITORY, guide), 'utf8');
  const steps = transcripts.flatMap((name) =>
    parseTranscript(readFileSync(join(REPOSITORY, 'test/e2e/case-studies', name), 'utf8')),
  );

  it(`has no command that ${transcripts.join(', ')} does not have`, () => {
    const followed = steps.map(({ command }) => command);
    // Pages have the addresses of a usual house, the lab has its own.
    const commands = commandsOf(page.replaceAll('192.168.10.', '172.18.0.'));
    expect(commands.length).toBeGreaterThan(0);
    let from = 0;
    for (const command of commands) {
      const at = followed.indexOf(command, from);
      expect(at, `"${command}" after command ${from} of ${transcripts.join(', ')}`).toBeGreaterThanOrEqual(0);
      from = at + 1;
    }
  });

  it('links to files that are there', () => {
    for (const [, link = ''] of page.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)) {
      expect(existsSync(join(REPOSITORY, guide, '..', link)), link).toBe(true);
    }
  });
});

/** Commands of the agent in all blocks of a page, without what the shell does with their output. */
function agentCommands(page: string): readonly string[] {
  const blocks = [...page.matchAll(/^```sh.*\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  return blocks.flatMap((block) =>
    block
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => line.startsWith('fairlead '))
      .map((line) => line.replace(/^fairlead | *[|>].*$/g, '')),
  );
}

describe.each(['docs/install-k3s.md', 'docs/install-kubeadm.md'])('%s', (guide) => {
  const page = readFileSync(join(REPOSITORY, guide), 'utf8');

  it.each(agentCommands(page))('has a command that makes what can be applied: %s', (command) => {
    const words = command.replaceAll('$VIP', '192.0.2.10').replaceAll('$INTERFACE', 'eth0').split(/ +/);
    // It asks for a kubeconfig that only a node has.
    const args = words.includes('join') ? [...words, '--config', join(REPOSITORY, guide)] : words;
    const main = join(REPOSITORY, 'packages/agent/src/main.ts');
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const objects = parseAllDocuments(stdout).map((document): unknown => document.toJS());
    expect(objects.length).toBeGreaterThan(0);
    for (const object of objects) expect(object).toMatchObject({ kind: expect.stringMatching(/^[A-Z]/) });
  });
});
