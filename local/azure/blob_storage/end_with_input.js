// Ends the Node process that requires this when its standard input does: it is a pipe that ends with whoever started it.
process.stdin.on("end", () => process.exit(0)).resume().unref();
