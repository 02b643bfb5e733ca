"""Tables that choose and name the subjects: kept groups, measure words, everyday names."""

from __future__ import annotations

from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _lines(text: str) -> frozenset[str]:
    """Parts between bars and line ends."""
    parts = (part.strip() for part in text.replace("\n", "|").split("|"))
    return frozenset(part for part in parts if part)


SUBGROUPS = _words(
    """
    face-smiling face-affection face-tongue face-hand face-neutral-skeptical face-sleepy
    face-unwell face-hat face-glasses face-concerned face-negative face-costume monkey-face
    heart emotion hand-fingers-closed hands body-parts person person-role person-fantasy
    animal-mammal animal-bird animal-amphibian animal-reptile animal-marine animal-bug
    plant-flower plant-other food-fruit food-vegetable food-prepared food-asian food-sweet
    drink dishware place-map place-geographic place-building place-religious place-other
    transport-ground transport-water transport-air hotel time sky-weather event award-medal
    sport game arts-crafts clothing sound music musical-instrument phone computer light-video
    book-paper money mail writing office lock tool science medical household other-object
    """
)
"""CLDR sub-groups that hold things to draw, not signs, letters or flags."""

DROPPED_WORDS = _words(
    "man woman men women men’s women’s clock oclock thirty o’clock hair beard bald"
)
"""A label with one of these words is a twin of another subject, or one of 24 clocks."""

KEPT_EXTRA = frozenset(
    {"mantelpiece clock", "alarm clock", "man dancing", "woman dancing", "man’s shoe"}
    | {"woman’s hat", "woman’s clothes", "woman’s boot", "woman’s sandal", "snowman"}
)

DROPPED_LABELS = _lines(
    """
    dog|cat|mouse|cow|pig|horse|rabbit|tiger|monkey|dragon|whale|guide dog|service dog
    kissing face with smiling eyes|face without mouth|head shaking vertically
    face with diagonal mouth|dotted line face|distorted face|hundred points|ZZZ
    eye in speech bubble|left speech bubble|right anger bubble|kiss mark|white heart
    heart exclamation|growing heart|beating heart|two hearts|revolving hearts
    right-facing fist|left-facing fist|palms up together|selfie|mouth|person|older person
    pregnant person|breast-feeding|person feeding baby|new moon|full moon|new moon face
    waxing crescent moon|first quarter moon|waxing gibbous moon|waning gibbous moon
    last quarter moon|waning crescent moon|first quarter moon face|last quarter moon face
    sun behind small cloud|sun behind large cloud|umbrella with rain drops|snowman without snow
    1st place medal|2nd place medal|3rd place medal|speaker low volume|speaker medium volume
    mobile phone with arrow|dvd|camera with flash|magnifying glass tilted right|green book
    blue book|orange book|ledger|page with curl|yen banknote|euro banknote|pound banknote
    e-mail|incoming envelope|envelope with arrow|outbox tray|closed mailbox with lowered flag
    open mailbox with raised flag|open mailbox with lowered flag|pen|open file folder
    tear-off calendar|spiral calendar|locked with pen|locked with key|linked paperclips
    hammer and pick|musical notes|bell with slash|light rail|mountain railway|tram car
    oncoming bus|oncoming police car|oncoming taxi|oncoming automobile|small airplane
    airplane departure|airplane arrival|metro|station|railway track|softball|map of Japan
    grinning face with big eyes|grinning face with smiling eyes|frowning face with open mouth
    low battery|card index|bookmark tabs|black nib|round pushpin|broken chain|hot springs
    roller skate with wheel|spade suit|heart suit|diamond suit|club suit|mahjong red dragon
    thermometer|hole|anger symbol|joker|flower playing cards|evergreen tree with snow
    muted speaker|level slider|input tray|chart increasing with yen|ballot box with ballot
    """
)
"""Bodies beside faces of the same animal, and pictures that differ too little to tell apart."""

MEASURES: Mapping[str, str] = {
    **dict.fromkeys(
        _words(
            """animal-mammal animal-bird animal-amphibian animal-reptile animal-marine animal-bug
            monkey-face"""
        ),
        "只",
    ),
    **dict.fromkeys(("fish", "tropical-fish", "snake", "shark", "dragon-face", "worm"), "条"),
    **dict.fromkeys(("horse-face", "zebra"), "匹"),
    **dict.fromkeys(("cow-face", "elephant", "ox"), "头"),
    "plant-flower": "朵",
    "plant-other": "棵",
    "drink": "杯",
    "place-building": "座",
    "place-religious": "座",
    "transport-ground": "辆",
    "transport-water": "艘",
    "transport-air": "架",
    "clothing": "件",
    "musical-instrument": "把",
    "phone": "部",
    "computer": "台",
    "book-paper": "本",
    "writing": "支",
    "lock": "把",
    "tool": "把",
    "heart": "颗",
    "star": "颗",
    "cloud": "朵",
    "umbrella": "把",
    "person": "位",
    "person-role": "位",
    "person-fantasy": "位",
    "rainbow": "道",
    "airplane": "架",
    "rocket": "枚",
    "crown": "顶",
    "top-hat": "顶",
    **dict.fromkeys(
        _words(
            """stop-sign bus-stop motorway oil-drum fuel-pump wheel police-car-light construction
            anchor ring-buoy seat paw-prints feather wing pig-nose spider-web bomb balance-scale
            link magnet gear ice necktie ring gem-stone lipstick backpack handbag battery
            horizontal-traffic-light vertical-traffic-light brick rock mushroom"""
        ),
        "个",
    ),
}
"""Chinese measure words by slug or sub-group; 个 where none is given."""

Names = tuple[tuple[str, ...], tuple[str, ...]]
ALIASES: Mapping[str, Names] = {
    "red-apple": (("apple", "red apple"), ("苹果", "红苹果")),
    "automobile": (("car", "automobile"), ("汽车", "小汽车")),
    "sport-utility-vehicle": (("suv",), ("越野车",)),
    "evergreen-tree": (("pine tree", "evergreen tree"), ("松树",)),
    "deciduous-tree": (("tree", "deciduous tree"), ("树", "大树")),
    "honeybee": (("bee", "honeybee"), ("蜜蜂",)),
    "soccer-ball": (("soccer ball", "football"), ("足球",)),
    "hot-beverage": (("coffee", "cup of coffee", "hot drink"), ("咖啡", "热饮")),
    "teacup-without-handle": (("tea", "cup of tea"), ("茶", "茶杯")),
    "beer-mug": (("beer", "beer mug"), ("啤酒",)),
    "birthday-cake": (("cake", "birthday cake"), ("蛋糕", "生日蛋糕")),
    "shortcake": (("slice of cake", "shortcake"), ("小蛋糕",)),
    "spouting-whale": (("whale", "spouting whale"), ("鲸鱼",)),
    "dragon-face": (("dragon", "dragon face"), ("龙", "龙头")),
    "red-heart": (("heart", "red heart"), ("爱心", "红心")),
    "spiral-shell": (("shell", "sea shell"), ("海螺", "贝壳")),
    "lady-beetle": (("ladybug", "lady beetle"), ("瓢虫",)),
    "crescent-moon": (("moon", "crescent moon"), ("月亮", "弯月")),
    "sun": (("sun",), ("太阳",)),
    "star": (("star",), ("星星",)),
    "high-voltage": (("lightning", "lightning bolt"), ("闪电",)),
    "ringed-planet": (("planet", "saturn"), ("行星", "土星")),
    "bread": (("bread", "loaf of bread"), ("面包",)),
    "french-fries": (("french fries", "fries"), ("薯条",)),
    "hamburger": (("hamburger", "burger"), ("汉堡", "汉堡包")),
    "hot-dog": (("hot dog",), ("热狗",)),
    "ear-of-corn": (("corn", "ear of corn"), ("玉米",)),
    "steaming-bowl": (("bowl of noodles", "noodles"), ("面条", "一碗面")),
    "cooked-rice": (("bowl of rice", "rice"), ("米饭",)),
    "soft-ice-cream": (("ice cream cone", "soft ice cream"), ("甜筒", "冰淇淋甜筒")),
    "ice-cream": (("ice cream",), ("冰淇淋",)),
    "shaved-ice": (("shaved ice",), ("刨冰",)),
    "sailboat": (("sailboat", "boat"), ("帆船",)),
    "fire-engine": (("fire truck", "fire engine"), ("消防车",)),
    "delivery-truck": (("truck", "delivery truck"), ("卡车", "货车")),
    "flying-saucer": (("ufo", "flying saucer"), ("飞碟", "不明飞行物")),
    "locomotive": (("train", "steam locomotive"), ("火车", "蒸汽火车")),
    "high-speed-train": (("high-speed train",), ("高铁", "高速列车")),
    "kick-scooter": (("scooter", "kick scooter"), ("滑板车",)),
    "motor-scooter": (("motor scooter", "moped"), ("小型摩托车",)),
    "bicycle": (("bicycle", "bike"), ("自行车",)),
    "airplane": (("airplane", "plane"), ("飞机",)),
    "laptop": (("laptop", "notebook computer"), ("笔记本电脑",)),
    "desktop-computer": (("computer", "desktop computer"), ("电脑", "台式电脑")),
    "mobile-phone": (("phone", "mobile phone"), ("手机",)),
    "television": (("television", "tv"), ("电视", "电视机")),
    "wrapped-gift": (("gift", "present", "wrapped gift"), ("礼物", "礼品")),
    "christmas-tree": (("christmas tree",), ("圣诞树",)),
    "jack-o-lantern": (("halloween pumpkin", "jack-o-lantern"), ("南瓜灯",)),
    "sports-medal": (("medal", "sports medal"), ("奖牌",)),
    "game-die": (("dice", "game die"), ("骰子",)),
    "video-game": (("game controller", "gamepad"), ("游戏手柄",)),
    "artist-palette": (("palette", "paint palette"), ("调色板",)),
    "gem-stone": (("diamond", "gem stone"), ("钻石", "宝石")),
    "billed-cap": (("cap", "baseball cap"), ("鸭舌帽", "棒球帽")),
    "rescue-workers-helmet": (("helmet", "rescue worker's helmet"), ("救援头盔", "头盔")),
    "womans-hat": (("sun hat", "woman's hat"), ("女帽", "遮阳帽")),
    "top-hat": (("top hat",), ("礼帽",)),
    "graduation-cap": (("graduation cap",), ("学士帽", "毕业帽")),
    "musical-keyboard": (("piano", "musical keyboard"), ("钢琴", "琴键")),
    "open-book": (("open book",), ("打开的书",)),
    "closed-book": (("book", "closed book"), ("书", "合上的书")),
    "books": (("stack of books", "books"), ("书籍", "一摞书")),
    "fairy": (("fairy",), ("仙女",)),
    "snowman": (("snowman",), ("雪人",)),
    "dove": (("dove",), ("鸽子",)),
    "crab": (("crab",), ("螃蟹",)),
    "turtle": (("turtle",), ("乌龟",)),
    "peach": (("peach",), ("桃子",)),
    "egg": (("egg",), ("鸡蛋",)),
    "shark": (("shark",), ("鲨鱼",)),
    "fire": (("fire",), ("火焰", "火")),
    "mountain": (("mountain",), ("山", "高山")),
    "avocado": (("avocado",), ("牛油果",)),
    "tennis": (("tennis ball", "tennis"), ("网球",)),
    "ghost": (("ghost",), ("幽灵", "鬼")),
    "llama": (("llama", "alpaca"), ("羊驼",)),
    "bug": (("caterpillar", "bug"), ("毛毛虫",)),
    "cooking": (("fried egg", "cooking"), ("煎蛋",)),
    "hourglass-done": (("hourglass",), ("沙漏",)),
    "shopping-cart": (("shopping cart",), ("购物车",)),
    "magic-wand": (("magic wand",), ("魔法棒",)),
    "bullseye": (("dartboard", "bullseye"), ("飞镖靶",)),
    "headstone": (("gravestone", "headstone"), ("墓碑",)),
    "locked": (("lock", "padlock"), ("锁",)),
    "crossed-swords": (("swords", "crossed swords"), ("剑", "双剑")),
    "couch-and-lamp": (("sofa", "couch and lamp"), ("沙发", "沙发和灯")),
    "potted-plant": (("potted plant", "plant in a pot"), ("盆栽",)),
    "four-leaf-clover": (("clover", "four leaf clover"), ("四叶草",)),
    "maple-leaf": (("maple leaf",), ("枫叶",)),
    "hibiscus": (("hibiscus", "red flower"), ("芙蓉", "扶桑花")),
    "blossom": (("flower", "yellow flower"), ("花", "小黄花")),
    "snow-capped-mountain": (("snowy mountain", "snow-capped mountain"), ("雪山",)),
    "house": (("house",), ("房子",)),
    "castle": (("castle",), ("城堡", "欧洲城堡")),
    "grinning-face": (("smiley", "grinning face"), ("笑脸", "嘿嘿")),
    "pile-of-poo": (("poop", "pile of poo"), ("便便", "大便")),
    "baby-chick": (("chick", "baby chick"), ("小鸡",)),
    "beer": (("beer",), ("啤酒",)),
    "clinking-beer-mugs": (("two clinking beers", "cheers"), ("干杯",)),
    "shoe": (("shoe",), ("鞋",)),
    "mans-shoe": (("shoe", "leather shoe"), ("皮鞋",)),
    "running-shoe": (("sneaker", "running shoe"), ("运动鞋", "跑鞋")),
    "high-heeled-shoe": (("high heel", "high-heeled shoe"), ("高跟鞋",)),
    "t-shirt": (("t-shirt",), ("T恤",)),
    "pool-8-ball": (("billiard ball", "pool 8 ball"), ("台球",)),
    "money-bag": (("money bag",), ("钱袋",)),
    "alarm-clock": (("alarm clock",), ("闹钟",)),
    "light-bulb": (("light bulb", "lamp"), ("灯泡",)),
    "trophy": (("trophy",), ("奖杯",)),
    "microphone": (("microphone",), ("话筒", "麦克风")),
    "headphone": (("headphones",), ("耳机",)),
    "mouse-face": (("mouse", "mouse face"), ("老鼠", "鼠头")),
    "monkey-face": (("monkey", "monkey face"), ("猴子", "猴头")),
    "rabbit-face": (("rabbit", "bunny"), ("兔子", "兔头")),
    "tiger-face": (("tiger", "tiger face"), ("老虎", "老虎头")),
    "cow-face": (("cow", "cow face"), ("奶牛", "奶牛头")),
    "dog-face": (("dog", "dog face"), ("狗", "小狗")),
    "cat-face": (("cat", "cat face"), ("猫", "小猫")),
}
"""Everyday names that come before CLDR's own: (English, Chinese), the usual one first."""
