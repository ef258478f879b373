import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * What Java's own client sees of a cluster, asked for on standard input, a line each:
 * `read TOPIC [uncommitted]` gives all records up to the end, `count TOPIC` how many are committed, `follow TOPIC` those to come, `partition COUNT KEY` where Java's producer
 * sends a key. Answers are lines of fields parted by tabs, bytes in base64 (`-` for null), and a line `end`.
 */
public class ReadTopics {
  static final BufferedWriter out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.US_ASCII), 1 << 16);

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    try (KafkaConsumer<byte[], byte[]> committed = open(args[0], "read_committed");
        KafkaConsumer<byte[], byte[]> all = open(args[0], "read_uncommitted")) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        String[] words = line.split(" ");
        if (words[0].equals("read")) read(words.length > 2 ? all : committed, all, words[1]);
        if (words[0].equals("count")) out.write(each(committed, all, words[1], record -> {}) + "\n");
        if (words[0].equals("follow")) follow(committed, words[1]);
        if (words[0].equals("partition"))
          out.write(BuiltInPartitioner.partitionForKey(Base64.getDecoder().decode(words[2]), Integer.parseInt(words[1])) + "\n");
        out.write("end\n");
        out.flush();
      }
    }
  }

  static KafkaConsumer<byte[], byte[]> open(String brokers, String isolation) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    settings.put("isolation.level", isolation);
    settings.put("enable.auto.commit", "false");
    settings.put("allow.auto.create.topics", "false");
    settings.put("auto.offset.reset", "earliest");
    settings.put("max.poll.records", "20000");
    settings.put("fetch.max.wait.ms", "10");
    return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  static List<TopicPartition> assign(KafkaConsumer<byte[], byte[]> consumer, String topic) {
    List<TopicPartition> partitions =
        consumer.partitionsFor(topic).stream().map(each -> new TopicPartition(topic, each.partition())).toList();
    consumer.assign(partitions);
    return partitions;
  }

  interface Taker {
    void take(ConsumerRecord<byte[], byte[]> record) throws Exception;
  }

  static void read(KafkaConsumer<byte[], byte[]> consumer, KafkaConsumer<byte[], byte[]> all, String topic) throws Exception {
    each(consumer, all, topic, record -> write(record, consumer.assignment().size(), 0));
  }

  /** Every record up to the end; returns how many there are. */
  static long each(KafkaConsumer<byte[], byte[]> consumer, KafkaConsumer<byte[], byte[]> all, String topic, Taker taker)
      throws Exception {
    if (!consumer.listTopics().containsKey(topic)) return 0;
    List<TopicPartition> partitions = assign(consumer, topic);
    consumer.seekToBeginning(partitions);
    Map<TopicPartition, Long> ends = decidedEnds(consumer, all, partitions);
    long count = 0;
    while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each)))
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
        taker.take(record);
        count++;
      }
    return count;
  }

  /**
   * Of a reader of what is committed the end is the last stable offset: everything before it is decided. The broker says that a transaction
   * is committed before its marks are written, so a moment is given to them.
   */
  static Map<TopicPartition, Long> decidedEnds(
      KafkaConsumer<byte[], byte[]> consumer, KafkaConsumer<byte[], byte[]> all, List<TopicPartition> partitions) throws Exception {
    Map<TopicPartition, Long> written = all.endOffsets(partitions);
    long deadline = System.currentTimeMillis() + 3000;
    while (true) {
      Map<TopicPartition, Long> decided = consumer.endOffsets(partitions);
      boolean isAll = partitions.stream().allMatch(each -> decided.get(each) >= written.get(each));
      if (isAll || System.currentTimeMillis() > deadline) return decided;
      Thread.sleep(5);
    }
  }

  /** For ever: each record with the time it was seen at, in microseconds since 1970. */
  static void follow(KafkaConsumer<byte[], byte[]> consumer, String topic) throws Exception {
    List<TopicPartition> partitions = assign(consumer, topic);
    consumer.seekToEnd(partitions);
    for (TopicPartition each : partitions) consumer.position(each);
    out.write("end\n");
    out.flush();
    while (true) {
      boolean wrote = false;
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
        java.time.Instant now = java.time.Instant.now();
        write(record, partitions.size(), now.getEpochSecond() * 1_000_000 + now.getNano() / 1000);
        wrote = true;
      }
      if (wrote) out.flush();
    }
  }

  static void write(ConsumerRecord<byte[], byte[]> record, int partitions, long seenAt) throws Exception {
    byte[] key = record.key();
    int expected = key == null ? -1 : BuiltInPartitioner.partitionForKey(key, partitions);
    StringBuilder headers = new StringBuilder();
    for (Header header : record.headers())
      headers.append(headers.length() == 0 ? "" : ",").append(text(header.key().getBytes(StandardCharsets.UTF_8))).append(':').append(text(header.value()));
    out.write(record.partition() + "\t" + expected + "\t" + record.offset() + "\t" + text(key) + "\t" + text(record.value()) + "\t" + headers + "\t" + seenAt + "\n");
  }

  static String text(byte[] bytes) {
    return bytes == null ? "-" : Base64.getEncoder().encodeToString(bytes);
  }
}
