// SPDX-License-Identifier: Apache-2.0
import { JOB_NUMBERS } from './numbers-job.ts';
import { OTHER_NUMBERS } from './numbers-other.ts';
import { POD_NUMBERS } from './numbers-pod.ts';
import { STORAGE_NUMBERS } from './numbers-storage.ts';
import { REQUEST_NUMBERS } from './request-types.ts';

/*
 * Notation of the number tables: `Name: field=NUMBER ...`, continued lines are indented. `<Other>=NUMBER` is a message
 * whose fields belong to the object itself in JSON (an embedded struct).
 */

/** What a field number of a message stands for. */
export interface NumberedField {
  readonly name: string;
  /** Set for an embedded struct: the message whose numbers to go on with. */
  readonly embedded: string | undefined;
}

function parseNumbers(...tables: readonly string[]): ReadonlyMap<string, ReadonlyMap<number, NumberedField>> {
  const messages = new Map<string, ReadonlyMap<number, NumberedField>>();
  for (const line of tables.join('\n').split(/\n(?! )/)) {
    const [name, ...fields] = line.split(/\s+/).filter((text) => text !== '');
    if (name === undefined) continue;
    const entries = fields.map((text): [number, NumberedField] => {
      const [field = '', number = ''] = text.split('=');
      const embedded = /^<(\w+)>$/.exec(field)?.[1];
      return [Number(number), { name: field, embedded }];
    });
    messages.set(name.slice(0, -1), new Map(entries));
  }
  return messages;
}

/** Field numbers of every message we read, by the name of its type in the schema. */
export const FIELD_NUMBERS = parseNumbers(
  JOB_NUMBERS,
  OTHER_NUMBERS,
  POD_NUMBERS,
  STORAGE_NUMBERS,
  REQUEST_NUMBERS,
);
