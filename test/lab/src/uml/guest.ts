// SPDX-License-Identifier: Apache-2.0
/** First program of a user-mode Linux of the lab, at its serial line: starts programs as told and passes on what they write. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { createInterface } from 'node:readline';
import type { GuestNews, GuestOrder, OrderFile } from './protocol.ts';

const programs = new Map<number, ChildProcess>();

function tell(news: GuestNews): void {
  process.stdout.write(`${JSON.stringify(news)}\n`);
}

function start(id: number, [program = '', ...args]: readonly string[]): void {
  const child = spawn(program, args, { stdio: 'pipe' });
  programs.set(id, child);
  child.stdout.setEncoding('utf8').on('data', (stdout: string) => tell({ id, stdout }));
  child.stderr.setEncoding('utf8').on('data', (stderr: string) => tell({ id, stderr }));
  // A program that ends before it has read everything: its exit code tells the story.
  child.stdin.on('error', () => undefined);
  child.once('error', ({ message }) => {
    tell({ id, stderr: `${message}\n` });
    tell({ id, exit: 127, signal: null });
  });
  child.once('close', (exit, signal) => {
    programs.delete(id);
    if (child.pid !== undefined) tell({ id, exit, signal });
  });
}

function obey(order: GuestOrder): void {
  if ('argv' in order) {
    start(order.id, order.argv);
    return;
  }
  const child = programs.get(order.id);
  if ('kill' in order) child?.kill(order.kill);
  else if (order.input === null) child?.stdin?.end();
  else child?.stdin?.write(order.input);
}

tell({ ready: release() });
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as GuestOrder | OrderFile;
  obey('file' in order ? (JSON.parse(readFileSync(order.file, 'utf8')) as GuestOrder) : order);
}
