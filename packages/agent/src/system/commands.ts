// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';

/** What a finished program left behind. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit status; 0 means success. */
  readonly status: number;
}

/** How to run a program. */
export interface CommandOptions {
  /** Text for standard input; nothing when absent. */
  readonly input?: string;
  /** The program is killed and the call fails after this time. Default 10,000. */
  readonly timeoutMs?: number;
  /** Exit statuses that are not errors. Default `[0]`. */
  readonly accept?: readonly number[];
}

/** A program that could not be started, was killed, or ended with a status that was not accepted. */
export class CommandError extends Error {
  readonly program: string;
  readonly status: number | undefined;
  readonly stderr: string;

  constructor(
    program: string,
    args: readonly string[],
    what: string,
    status: number | undefined,
    stderr: string,
  ) {
    const detail = stderr.trim();
    super(`${[program, ...args].join(' ')}: ${what}${detail === '' ? '' : `: ${detail}`}`);
    this.name = 'CommandError';
    this.program = program;
    this.status = status;
    this.stderr = stderr;
  }
}

const started = new Map<string, number>();

/**
 * Program -> how often this process has started it, those fed by a script counted apart (`ip -batch`). At rest this must
 * not depend on how many addresses there are.
 */
export function programsStarted(): ReadonlyMap<string, number> {
  return new Map(started);
}

/**
 * Runs a program without a shell and returns its output. One spawn costs about 4.5 ms, so callers batch their work
 * into one script on standard input.
 *
 * @throws CommandError with the program's own words when it fails, does not exist or takes too long.
 */
export function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { input, timeoutMs = 10_000, accept = [0] } = options;
  const counted = input === undefined ? program : `${program} -batch`;
  started.set(counted, (started.get(counted) ?? 0) + 1);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A program that ends before it has read everything closes the pipe; its exit status tells the story.
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => {
      reject(new CommandError(program, args, `cannot be started (${error.message})`, undefined, ''));
    });
    child.on('close', (status, signal) => {
      const errorText = Buffer.concat(stderr).toString('utf8');
      if (status === null) {
        const why =
          signal === 'SIGKILL'
            ? `killed, possibly after ${timeoutMs} ms`
            : `killed by ${signal ?? 'a signal'}`;
        reject(new CommandError(program, args, why, undefined, errorText));
      } else if (accept.includes(status)) {
        resolve({ stdout: Buffer.concat(stdout).toString('utf8'), stderr: errorText, status });
      } else {
        reject(new CommandError(program, args, `ended with status ${status}`, status, errorText));
      }
    });
    child.stdin.end(input ?? '');
  });
}
