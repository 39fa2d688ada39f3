// Mixed load for a while, with every answer checked; prints JSON.
//
//	soak -url https://127.0.0.1:4433 -seconds 90
//
// Lanes run beside each other, each over connections that are closed and opened anew: small and
// large downloads, uploads, downloads that are given up, single requests after silence, and over
// ALPN echo streams and datagrams. The server answers GET /x?bytes=N with N bytes, a POST with its
// own body. An answer that takes longer than -late is counted: it may have waited for a wake-up that
// was lost. Exit code 1: something failed, came back different or late.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

type lane struct {
	Done      int     `json:"done"`
	Late      int     `json:"late"`
	SlowestMs float64 `json:"slowest_ms"`
	SlowestAt float64 `json:"slowest_at"` // seconds since the beginning, when it came
}

type report struct {
	Seconds     float64          `json:"seconds"`
	Connections int              `json:"connections"`
	Datagrams   int              `json:"datagrams"`
	Returned    int              `json:"datagrams_returned"`
	Lanes       map[string]*lane `json:"lanes"`
	Errors      []string         `json:"errors"`
}

type soak struct {
	host   string
	began  time.Time
	late   time.Duration
	lock   sync.Mutex
	report report
}

func (s *soak) note(name string, took time.Duration, err error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	at := time.Since(s.began).Seconds()
	if err != nil {
		if len(s.report.Errors) < 20 {
			text := fmt.Sprintf("%s, at %.1f s: %v", name, at, err)
			s.report.Errors = append(s.report.Errors, text)
		}
		return
	}
	l := s.report.Lanes[name]
	l.Done++
	if took > s.late {
		l.Late++
	}
	if ms := float64(took.Microseconds()) / 1000; ms > l.SlowestMs {
		l.SlowestMs, l.SlowestAt = ms, at
	}
}

func (s *soak) dial(ctx context.Context, alpn string) (*quic.Conn, error) {
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{alpn}}
	conn, err := quic.DialAddr(ctx, s.host, config, &quic.Config{EnableDatagrams: alpn == "echo"})
	if err == nil {
		s.lock.Lock()
		s.report.Connections++
		s.lock.Unlock()
	}
	return conn, err
}

func (s *soak) get(ctx context.Context, h *http3.ClientConn, size, take int64) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	url := fmt.Sprintf("https://%s/x?bytes=%d", s.host, size)
	request, err := http.NewRequestWithContext(inner, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := h.RoundTrip(request)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(response.Body, take))
	if err == nil && n != take {
		err = fmt.Errorf("%d of %d bytes", n, take)
	}
	return errors.Join(err, response.Body.Close())
}

func (s *soak) post(ctx context.Context, h *http3.ClientConn, body []byte) error {
	url := fmt.Sprintf("https://%s/x", s.host)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := h.RoundTrip(request)
	if err != nil {
		return err
	}
	back, err := io.ReadAll(response.Body)
	if err == nil && !bytes.Equal(back, body) {
		err = fmt.Errorf("another body: %d of %d bytes", len(back), len(body))
	}
	return err
}

// One request and its answer.
type exchange func(ctx context.Context, h *http3.ClientConn) error

// Requests over one connection after the other, `each` on every one, with a pause between.
func (s *soak) http(ctx context.Context, name string, each int, pause time.Duration,
	do exchange) {
	for ctx.Err() == nil {
		conn, err := s.dial(ctx, http3.NextProtoH3)
		if err != nil {
			if ctx.Err() == nil {
				s.note(name, 0, err)
			}
			return
		}
		h := (&http3.Transport{}).NewClientConn(conn)
		for i := 0; i < each && ctx.Err() == nil; i++ {
			started := time.Now()
			// What was begun is finished: the end of the soak is no failure.
			inner, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
			err := do(inner, h)
			cancel()
			s.note(name, time.Since(started), err)
			time.Sleep(pause)
		}
		_ = conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	}
}

func (s *soak) echo(ctx context.Context, body []byte) {
	for ctx.Err() == nil {
		conn, err := s.dial(ctx, "echo")
		if err != nil {
			if ctx.Err() == nil {
				s.note("echo", 0, err)
			}
			return
		}
		inner, stop := context.WithCancel(context.WithoutCancel(ctx))
		go func() {
			for {
				if _, err := conn.ReceiveDatagram(inner); err != nil {
					return
				}
				s.lock.Lock()
				s.report.Returned++
				s.lock.Unlock()
			}
		}()
		for i := 0; i < 20 && ctx.Err() == nil; i++ {
			started := time.Now()
			err := s.echoOnce(inner, conn, body)
			s.note("echo", time.Since(started), err)
			for range 20 {
				if conn.SendDatagram(body[:1000]) == nil {
					s.lock.Lock()
					s.report.Datagrams++
					s.lock.Unlock()
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
		stop()
		_ = conn.CloseWithError(0, "")
	}
}

func (s *soak) echoOnce(ctx context.Context, conn *quic.Conn, body []byte) error {
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	_ = stream.SetDeadline(time.Now().Add(30 * time.Second))
	go func() {
		_, _ = stream.Write(body)
		_ = stream.Close()
	}()
	back, err := io.ReadAll(stream)
	if err == nil && !bytes.Equal(back, body) {
		err = fmt.Errorf("another body: %d of %d bytes", len(back), len(body))
	}
	return err
}

func (s *soak) run(ctx context.Context) {
	body := make([]byte, 200_000)
	rand.New(rand.NewSource(1)).Read(body)
	var wait sync.WaitGroup
	download := func(size, take int64) exchange {
		return func(ctx context.Context, h *http3.ClientConn) error {
			return s.get(ctx, h, size, take)
		}
	}
	upload := func(ctx context.Context, h *http3.ClientConn) error { return s.post(ctx, h, body) }
	const ms = time.Millisecond
	lanes := map[string]func(){
		"small":  func() { s.http(ctx, "small", 50, 5*ms, download(100, 100)) },
		"large":  func() { s.http(ctx, "large", 5, 100*ms, download(1_000_000, 1_000_000)) },
		"upload": func() { s.http(ctx, "upload", 10, 50*ms, upload) },
		"abort":  func() { s.http(ctx, "abort", 10, 50*ms, download(1_000_000, 10_000)) },
		// Both sides sleep before each: what is lost then is a doorbell.
		"single": func() { s.http(ctx, "single", 100, 150*ms, download(10, 10)) },
		"echo":   func() { s.echo(ctx, body) },
	}
	for name, work := range lanes {
		s.report.Lanes[name] = &lane{}
		wait.Go(work)
	}
	wait.Wait()
}

func main() {
	s := &soak{report: report{Lanes: map[string]*lane{}, Errors: []string{}}}
	origin := flag.String("url", "https://127.0.0.1:4433", "origin, without a path")
	seconds := flag.Float64("seconds", 60, "")
	flag.DurationVar(&s.late, "late", 5*time.Second, "for an answer")
	flag.Parse()
	s.host = strings.TrimPrefix(*origin, "https://")
	if _, err := net.ResolveUDPAddr("udp", s.host); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	length := time.Duration(*seconds * float64(time.Second))
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	s.began = time.Now()
	s.run(ctx)
	s.report.Seconds = time.Since(s.began).Seconds()
	failed := len(s.report.Errors) > 0
	for _, l := range s.report.Lanes {
		failed = failed || l.Late > 0
	}
	if json.NewEncoder(os.Stdout).Encode(&s.report) != nil || failed {
		os.Exit(1)
	}
}
