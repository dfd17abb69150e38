// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { parseCommand } from './arguments.ts';

const problemOf = (...argv: string[]) => {
  const command = parseCommand(argv);
  return command.kind === 'usage' ? command.problem : undefined;
};

describe('parseCommand', () => {
  it('shows how it is used without arguments', () => {
    expect(parseCommand([])).toEqual({ kind: 'usage' });
    expect(parseCommand(['--help'])).toEqual({ kind: 'usage' });
  });

  it('reads the options of up', () => {
    expect(
      parseCommand(['up', '--workers', '5', '--name', 'big', '--foreground', '--no-ipv6']),
    ).toMatchObject({
      kind: 'up',
      name: 'big',
      foreground: true,
      options: { workers: 5, name: 'big', ipv6: false, apiServer: 'auto' },
    });
    expect(parseCommand(['daemon'])).toMatchObject({ kind: 'daemon', options: { workers: 3 } });
  });

  it('leaves the arguments of others alone', () => {
    expect(parseCommand(['kubectl', 'get', 'pods', '-o', 'json'])).toEqual({
      kind: 'kubectl',
      name: 'default',
      args: ['get', 'pods', '-o', 'json'],
    });
    expect(parseCommand(['kubectl', '--name', 'big', 'create', 'ns', '--name', 'x'])).toEqual({
      kind: 'kubectl',
      name: 'big',
      args: ['create', 'ns', '--name', 'x'],
    });
    expect(parseCommand(['exec', '--name=big', 'client', '--', 'sh', '-c', 'ls'])).toEqual({
      kind: 'exec',
      name: 'big',
      host: 'client',
      argv: ['sh', '-c', 'ls'],
    });
  });

  it('reads verbs', () => {
    expect(parseCommand(['partition', 'worker1', 'out'])).toEqual({
      kind: 'verb',
      name: 'default',
      verb: 'partition',
      args: ['worker1', 'out'],
    });
  });

  it('says what is wrong', () => {
    expect(problemOf('explode')).toContain('explode');
    expect(problemOf('kill')).toContain('which node');
    expect(problemOf('pod-kill')).toContain('which pod');
    expect(problemOf('exec', 'client')).toContain('HOST -- COMMAND');
    expect(problemOf('up', '--workers', 'many')).toContain('--workers is "many"');
    expect(problemOf('up', '--api-server', 'mine')).toContain('auto, embedded, real');
    expect(problemOf('up', '--colour')).toContain('--colour');
  });
});
