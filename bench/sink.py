"""A mail server that takes everything and keeps nothing, in its own process: `python -m bench.sink` prints its port."""

import socketserver

ANSWERS = {b"EHLO": b"250-sink\r\n250 PIPELINING\r\n", b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}


class Dialogue(socketserver.StreamRequestHandler):
    """One connection."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        self.wfile.write(b"220 sink\r\n")
        for line in self.rfile:
            word = line[:4].upper()
            self.wfile.write(ANSWERS.get(word, b"250 ok\r\n"))
            if word == b"QUIT":
                return
            if word == b"DATA":
                for text in self.rfile:
                    if text == b".\r\n":
                        break
                self.wfile.write(b"250 ok\r\n")


if __name__ == "__main__":
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dialogue) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
