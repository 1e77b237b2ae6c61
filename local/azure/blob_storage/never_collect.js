// Has Azurite keep the bytes of blobs that were replaced. Collecting them takes time with the square of their number: after
// ten minutes of provisions it answers nobody for more than a minute. It has no option for that.
require("azurite/dist/src/blob/utils/constants").DEFAULT_GC_INTERVAL_MS = 2 ** 31 - 1;
