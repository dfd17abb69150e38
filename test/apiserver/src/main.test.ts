// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fairlead-main-'));
  await writeFile(join(directory, 'tokens.csv'), 'secret,root,1,"system:masters"\n');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function start(...args: string[]): ChildProcess {
  const common = [
    '--port',
    '0',
    '--pki-dir',
    join(directory, 'pki'),
    '--token-file',
    join(directory, 'tokens.csv'),
  ];
  return spawn(process.execPath, [MAIN, ...common, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
    child.once('exit', (code) => reject(new Error(`exited with ${code} after ${JSON.stringify(text)}`)));
  });
}

function exit(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', resolve));
}

function status(url: string, ca: string, token: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}/api/v1/nodes`,
      { ca, headers: { Authorization: `Bearer ${token}` } },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

describe('the command', () => {
  it('says when it serves, keeps its keys, and ends at SIGTERM', async () => {
    const kubeconfig = join(directory, 'kubeconfig');
    const child = start('--kubeconfig', kubeconfig);
    const ready: unknown = JSON.parse(await firstLine(child));
    expect(ready).toMatchObject({ ready: true, url: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/) });
    const { url, ca } = ready as { url: string; ca: string };
    const authority = await readFile(ca, 'utf8');
    expect(await status(url, authority, 'secret')).toBe(200);
    expect(await status(url, authority, 'wrong')).toBe(401);
    const config: unknown = JSON.parse(await readFile(kubeconfig, 'utf8'));
    expect(config).toMatchObject({
      clusters: [{ cluster: { server: url } }],
      users: [{ user: { token: 'secret' } }],
    });
    const ended = exit(child);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    const again = start('--exit-with-stdin');
    await firstLine(again);
    expect(await readFile(ca, 'utf8')).toBe(authority);
    const over = exit(again);
    again.stdin?.end();
    expect(await over).toBe(0);
  });

  it('notes each answered request in the audit log, all of them by its end', async () => {
    const log = join(directory, 'audit.log');
    const child = start('--audit-log-path', log);
    const { url, ca } = JSON.parse(await firstLine(child)) as { url: string; ca: string };
    await status(url, await readFile(ca, 'utf8'), 'secret');
    const ended = exit(child);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    const lines = (await readFile(log, 'utf8')).trim().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      {
        stage: 'ResponseComplete',
        verb: 'list',
        user: { username: 'root' },
        objectRef: { resource: 'nodes' },
        responseStatus: { code: 200 },
      },
    ]);
  });

  it('says what is wrong with its options', async () => {
    const child = start('--authorization-mode', 'Maybe');
    let text = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    expect(await exit(child)).toBe(1);
    expect(text).toContain('--authorization-mode: expected RBAC or AlwaysAllow, got "Maybe"');
  });
});
