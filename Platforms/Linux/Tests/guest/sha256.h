/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */
/* SHA-256 (FIPS 180-4) of whole files, for a program without a libc. */
#ifndef SHA256_H
#define SHA256_H

struct sha256 {
	unsigned int state[8];
	unsigned int bytes;	/* files of less than 512 MiB: no 64-bit arithmetic, for which there is no library */
	unsigned char block[64];
};

static const unsigned int sha256_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline unsigned int sha256_turn(unsigned int word, int by) { return word >> by | word << (32 - by); }

static void sha256_begin(struct sha256 *hash)
{
	static const unsigned int first[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

	memcpy(hash->state, first, sizeof(first));
	hash->bytes = 0;
}

static void sha256_block(struct sha256 *hash, const unsigned char *block)
{
	unsigned int w[64], s[8];

	for (int i = 0; i < 16; i++)
		w[i] = (unsigned int)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 | block[4 * i + 3];
	for (int i = 16; i < 64; i++) {
		unsigned int a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + (sha256_turn(a, 7) ^ sha256_turn(a, 18) ^ a >> 3) + w[i - 7] +
		       (sha256_turn(b, 17) ^ sha256_turn(b, 19) ^ b >> 10);
	}
	memcpy(s, hash->state, sizeof(s));
	for (int i = 0; i < 64; i++) {
		unsigned int one = s[7] + (sha256_turn(s[4], 6) ^ sha256_turn(s[4], 11) ^ sha256_turn(s[4], 25)) +
				   ((s[4] & s[5]) ^ (~s[4] & s[6])) + sha256_constants[i] + w[i];
		unsigned int two = (sha256_turn(s[0], 2) ^ sha256_turn(s[0], 13) ^ sha256_turn(s[0], 22)) +
				   ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

		for (int j = 7; j > 0; j--)
			s[j] = s[j - 1];
		s[4] += one;
		s[0] = one + two;
	}
	for (int i = 0; i < 8; i++)
		hash->state[i] += s[i];
}

static void sha256_add(struct sha256 *hash, const unsigned char *data, unsigned long count)
{
	while (count > 0) {
		unsigned long at = hash->bytes & 63, step = 64 - at < count ? 64 - at : count;

		memcpy(hash->block + at, data, step);
		hash->bytes += step;
		data += step;
		count -= step;
		if (at + step == 64)
			sha256_block(hash, hash->block);
	}
}

static void sha256_end(struct sha256 *hash, unsigned char *result)
{
	unsigned int bits = hash->bytes << 3;
	unsigned char end[72] = { 0x80 };
	unsigned long padding = 64 - ((hash->bytes + 8) & 63);

	for (int i = 0; i < 4; i++)
		end[padding + 4 + i] = (unsigned char)(bits >> (24 - 8 * i));
	sha256_add(hash, end, padding + 8);
	for (int i = 0; i < 32; i++)
		result[i] = (unsigned char)(hash->state[i >> 2] >> (24 - 8 * (i & 3)));
}

#endif
