// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StatusError } from '../api/status.ts';
import { TYPES } from '../schema/kinds.ts';
import { decodeProtobuf } from './decode.ts';
import { FIELD_NUMBERS } from './field-numbers.ts';
import { readFields, WireError, WireWriter } from './wire.ts';

function envelope(apiVersion: string, kind: string, raw: WireWriter): Buffer {
  const typeMeta = new WireWriter().text(1, apiVersion).text(2, kind);
  const unknown = new WireWriter().message(1, typeMeta).message(2, raw);
  return Buffer.concat([Buffer.from('k8s\0'), unknown.finish()]);
}

function varint(value: number): Uint8Array {
  return value < 128 ? Uint8Array.of(value) : Uint8Array.of((value & 0x7f) | 0x80, ...varint(value >> 7));
}

/** An integer field, which the writer itself has no use for. */
function integerField(number: number, value: number): Uint8Array {
  return Buffer.concat([varint(number << 3), varint(value)]);
}

function raw(...parts: readonly Uint8Array[]): WireWriter {
  return { finish: () => Buffer.concat(parts) } as unknown as WireWriter;
}

describe('wire', () => {
  it('reads back what was written', () => {
    const field = fc.record({
      number: fc.integer({ min: 1, max: 500 }),
      value: fc.uint8Array({ maxLength: 300 }),
    });
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const writer = new WireWriter();
        for (const { number, value } of fields) writer.bytes(number, value);
        const read = readFields(writer.finish());
        expect(
          read.map(({ number, value }) => ({ number, value: Buffer.from(value as Uint8Array) })),
        ).toEqual(fields.map(({ number, value }) => ({ number, value: Buffer.from(value) })));
      }),
    );
  });

  it('never reads past the end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          readFields(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
    );
  });
});

describe('decodeProtobuf', () => {
  it('reads a Service as its JSON', () => {
    const port = raw(
      new WireWriter().text(1, 'http').text(2, 'TCP').finish(),
      integerField(3, 80),
      new WireWriter().message(4, raw(integerField(1, 1), new WireWriter().text(3, 'web').finish())).finish(),
      integerField(5, 30080),
    );
    const selector = new WireWriter().text(1, 'app').text(2, 'echo');
    const spec = new WireWriter().message(1, port).message(2, selector).text(4, 'LoadBalancer');
    const meta = new WireWriter().text(1, 'echo').message(8, new WireWriter());
    const service = new WireWriter().message(1, meta).message(2, spec).message(3, new WireWriter());
    expect(decodeProtobuf(envelope('v1', 'Service', service), 'Service')).toEqual({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'echo', creationTimestamp: null },
      spec: {
        ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 'web', nodePort: 30080 }],
        selector: { app: 'echo' },
        type: 'LoadBalancer',
      },
      status: {},
    });
  });

  it('merges embedded structs and reads times and bytes', () => {
    const emptyDir = new WireWriter().message(2, new WireWriter().text(1, 'Memory'));
    const volume = new WireWriter().text(1, 'v').message(2, emptyDir);
    const podSpec = new WireWriter().message(1, volume);
    const pod = new WireWriter().message(2, podSpec);
    expect(decodeProtobuf(envelope('v1', 'Pod', pod), 'Pod').spec).toEqual({
      volumes: [{ name: 'v', emptyDir: { medium: 'Memory' } }],
    });
    const renewed = raw(integerField(1, 1_700_000_000), integerField(2, 123_456_789));
    const lease = new WireWriter().message(2, new WireWriter().message(4, renewed));
    expect(decodeProtobuf(envelope('coordination.k8s.io/v1', 'Lease', lease), 'Lease').spec).toEqual({
      renewTime: '2023-11-14T22:13:20.123456Z',
    });
    const data = new WireWriter().text(1, 'k').bytes(2, Buffer.from('secret'));
    const secret = new WireWriter().message(2, data);
    expect(decodeProtobuf(envelope('v1', 'Secret', secret), 'Secret').data).toEqual({ k: 'c2VjcmV0' });
  });

  it('refuses what is no such message with a 400', () => {
    const refused = (bytes: Buffer) => expect(() => decodeProtobuf(bytes, 'Service')).toThrow(StatusError);
    refused(Buffer.from('{}'));
    refused(envelope('v1', 'Unheard', new WireWriter()));
    refused(Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x0a, 0x50])]));
  });

  it('knows the number of every field of every type', () => {
    const missing = [...TYPES].flatMap(([name, type]) => {
      const known = new Set(['apiVersion', 'kind', ...fieldNames(name)]);
      return [...type.fields.keys()].filter((field) => !known.has(field)).map((field) => `${name}.${field}`);
    });
    expect(missing).toEqual([]);
  });
});

/** Fields of a message, with those of its embedded structs. */
function fieldNames(message: string): string[] {
  const fields = [...(FIELD_NUMBERS.get(message)?.values() ?? [])];
  return fields.flatMap(({ name, embedded }) => (embedded === undefined ? [name] : fieldNames(embedded)));
}
