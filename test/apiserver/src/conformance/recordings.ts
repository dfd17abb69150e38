// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Answer, Recording } from './case.ts';

/** Where the recorded answers of a group of cases are. */
export function recordingFile(group: string): string {
  return fileURLToPath(new URL(`recorded/${group}.jsonl`, import.meta.url));
}

/** One case on a line: its name and its answers. */
export function recordingLine(name: string, answers: readonly Answer[]): string {
  return JSON.stringify({ name, answers });
}

/** Reads the recorded answers of a group of cases. */
export async function readRecording(group: string): Promise<Recording> {
  const text = await readFile(recordingFile(group), 'utf8');
  const lines = text.split('\n').filter((line) => line !== '');
  return new Map(
    lines.map((line) => {
      const { name, answers } = JSON.parse(line) as { name: string; answers: readonly Answer[] };
      return [name, answers];
    }),
  );
}
