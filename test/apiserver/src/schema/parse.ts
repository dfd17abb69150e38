// SPDX-License-Identifier: Apache-2.0
import { type Field, SCALARS, type Scalar, type SchemaType, type StructType } from './types.ts';

/*
 * Notation of the type tables, one type after the other:
 *
 *   Name[@atomic]: field=TYPE[!][?][*][@option...] ...          (a continued line is indented)
 *
 * TYPE    a scalar, the name of another type, `[TYPE]` a list, `{TYPE}` a map with string keys
 * !       always written out, even when empty     ?  zero values are kept (a pointer)     *  `null` when absent
 * @map:a,b   list of objects told apart by the fields a and b      @set  list of distinct scalars      (else atomic)
 * @merge[:k] strategic merge patch merges this list (by key k)     @retainKeys  as in Kubernetes        @atomic
 */

/** Reads type tables. Throws when a table names a type that no table has. */
export function parseTypes(...tables: readonly string[]): ReadonlyMap<string, StructType> {
  const heads = new Map<string, { atomic: boolean; fields: string[] }>();
  for (const line of tables.join('\n').split(/\n(?! )/)) {
    if (line.trim() === '') continue;
    const colon = line.indexOf(': ');
    const [name = '', option] = line.slice(0, colon).split('@');
    const fields = line
      .slice(colon + 1)
      .split(/\s+/)
      .filter((text) => text !== '');
    heads.set(name, { atomic: option === 'atomic', fields });
  }
  const structs = new Map<string, { -readonly [K in keyof StructType]: StructType[K] }>();
  for (const [name, head] of heads) {
    structs.set(name, { type: 'struct', name, atomic: head.atomic, fields: new Map() });
  }
  for (const [name, struct] of structs) {
    const fields = heads.get(name)?.fields ?? [];
    struct.fields = new Map(
      fields.map((text) => {
        const field = parseField(text, structs);
        return [field.name, field];
      }),
    );
  }
  return structs;
}

interface Options {
  readonly atomic: boolean;
  readonly set: boolean;
  readonly keys: readonly string[];
}

function parseField(text: string, structs: ReadonlyMap<string, StructType>): Field {
  const [declaration = '', ...options] = text.split('@');
  const match = /^([^=]+)=([^!?*]+)([!?*]*)$/.exec(declaration);
  if (match === null) throw new Error(`type tables: cannot read the field ${JSON.stringify(text)}`);
  const [, name = '', typeText = '', flags = ''] = match;
  const merge = options.find((option) => option.startsWith('merge'));
  return {
    name,
    type: parseType(typeText, structs, {
      atomic: options.includes('atomic'),
      set: options.includes('set'),
      keys:
        options
          .find((option) => option.startsWith('map:'))
          ?.slice(4)
          .split(',') ?? [],
    }),
    pointer: flags.includes('?') || flags.includes('*'),
    always: flags.includes('!'),
    merge: merge === undefined ? undefined : { key: merge.split(':')[1] },
    retainKeys: options.includes('retainKeys'),
  };
}

const PLAIN: Options = { atomic: false, set: false, keys: [] };

function parseType(text: string, structs: ReadonlyMap<string, StructType>, options: Options): SchemaType {
  if (text.startsWith('[')) {
    const topology = options.keys.length > 0 ? 'map' : options.set ? 'set' : 'atomic';
    return {
      type: 'list',
      items: parseType(text.slice(1, -1), structs, PLAIN),
      topology,
      keys: options.keys,
    };
  }
  if (text.startsWith('{')) {
    return { type: 'map', values: parseType(text.slice(1, -1), structs, PLAIN), atomic: options.atomic };
  }
  const scalar = SCALARS.find((name) => name === text);
  if (scalar !== undefined) return scalarType(scalar);
  const struct = structs.get(text);
  if (struct === undefined) throw new Error(`type tables: ${JSON.stringify(text)} is not a type`);
  return struct;
}

const scalarTypes = new Map<Scalar, SchemaType>();

function scalarType(scalar: Scalar): SchemaType {
  const known = scalarTypes.get(scalar);
  if (known !== undefined) return known;
  const made: SchemaType = { type: 'scalar', scalar };
  scalarTypes.set(scalar, made);
  return made;
}
