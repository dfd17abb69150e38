// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { pollReadable } from './libc.ts';
import { type SocketAddress, socketAddress, UdpSocket } from './udp-socket.ts';

function addressOf(endpoint: string): SocketAddress {
  const address = socketAddress(endpoint);
  if (!address.ok) throw new Error(address.problem);
  return address.value;
}

describe('socketAddress', () => {
  it('lays out both families as the kernel wants them', () => {
    expect([...addressOf('192.0.2.1:7947')]).toEqual([2, 0, 31, 11, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    const v6 = addressOf('[2001:db8::1]:7947');
    expect(v6).toHaveLength(28);
    expect([...v6.subarray(0, 12)]).toEqual([10, 0, 31, 11, 0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8]);
  });

  it.each(['', '192.0.2.1', '2001:db8::1:7947', '[192.0.2.1]', '192.0.2.1:70000', 'host:1'])(
    'says what is expected instead of "%s"',
    (text) => {
      const address = socketAddress(text);
      expect(address.ok).toBe(false);
      if (!address.ok) expect(address.problem).toContain('192.0.2.1:7947');
    },
  );
});

describe('UdpSocket', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1:'],
    ['::1', '[::1]:'],
  ])('carries datagrams on %s', (address, prefix) => {
    const port = 20_000 + Math.floor(Math.random() * 20_000);
    const receiver = UdpSocket.open(address, port, 100);
    const sender = UdpSocket.open(address, 0, 100);
    try {
      expect(receiver.receive()).toBeUndefined();
      sender.send(Buffer.from('one'), addressOf(`${prefix}${port}`));
      sender.send(Buffer.from('two'), addressOf(`${prefix}${port}`));
      expect(pollReadable([receiver.fd], 2_000)).toEqual([receiver.fd]);
      expect(Buffer.from(receiver.receive() ?? []).toString()).toBe('one');
      expect(Buffer.from(receiver.receive() ?? []).toString()).toBe('two');
      expect(receiver.receive()).toBeUndefined();
      expect(() => UdpSocket.open(address, port, 100)).toThrow('EADDRINUSE');
    } finally {
      receiver.close();
      sender.close();
    }
  });
});
